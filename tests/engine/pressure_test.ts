import { assert, assertEquals, assertGreater } from "@std/assert";
import { test } from "node:test";
import { checkEventOrder } from "../../engine/event_log.ts";
import { Engine, type GenerateOptions, type RequestEvent, SHIPPED_MODEL } from "../../mod.ts";
import { Random } from "../ops/random.ts";

const REQUESTS = 64;
const OPENINGS = ["Once upon a time", "One rainy morning", "There was a small", "Tom had", "Where is the red ball?"];

/** A request: what is asked, and after how many tokens its caller loses interest, if so. */
interface Asked {
  readonly prompt: string;
  readonly options: GenerateOptions;
  readonly cancelAfter: number | null;
}

function ask(random: Random, index: number): Asked {
  const words = Array.from({ length: random.integer(0, 24) }, () => random.pick(["sun", "and", "the", "tree", "ran"]));
  return {
    prompt: [random.pick(OPENINGS), ...words].join(" "),
    options: {
      maxTokens: random.pick([1, 2, random.integer(3, 40), random.integer(40, 90)]),
      seed: index,
      temperature: random.pick([0, 0.8]),
      ...(random.integer(0, 4) === 0 ? { stop: [random.pick(["and", ". ", "!\n"])] } : {}),
    },
    cancelAfter: random.integer(0, 3) === 0 ? random.integer(0, 30) : null,
  };
}

const SMALL = { kvBlocks: 40, blockSize: 4, maxBatchTokens: 48, maxBatchRequests: 12, threads: 2 } as const;

test("64 requests on the shipped model in a pool that is far too small live by the rules and say what they say alone", async () => {
  const random = new Random(64);
  const asked = Array.from({ length: REQUESTS }, (_, index) => ask(random, index));
  // The pool bounds the longest sequence, so an engine at ease has a larger one and the same bound.
  const maxContext = SMALL.kvBlocks * SMALL.blockSize;
  const alone: number[][] = [];
  {
    await using atEase = await Engine.load(SHIPPED_MODEL, { maxContext, prefixCache: false, threads: 2 });
    for (const { prompt, options } of asked) alone.push((await atEase.generate(prompt, options).result).tokenIds);
  }

  await using engine = await Engine.load(SHIPPED_MODEL, {
    ...SMALL,
    trackGeneratedTokenEvents: true,
    trackPausedRequestEvents: true,
    trackDetailEvents: true,
  });
  const lives = await Promise.all(asked.map(async ({ prompt, options, cancelAfter }) => {
    const generation = engine.generate(prompt, options);
    const events: RequestEvent[] = [];
    let tokens = 0;
    if (cancelAfter === 0) generation.cancel();
    for await (const event of generation) {
      events.push(event);
      if (event.type === "GENERATED_TOKEN" && ++tokens === cancelAfter) generation.cancel();
    }
    return { events, result: await generation.result };
  }));

  let cancelled = 0;
  for (const [index, { events, result }] of lives.entries()) {
    const expected = alone[index]!;
    const isCancelled = result.finishReason === "cancelled";
    if (isCancelled) cancelled++;
    assertEquals(
      result.tokenIds,
      isCancelled ? expected.slice(0, result.tokenIds.length) : expected,
      `request ${index}`,
    );
    const record = result.record.merge();
    assert(checkEventOrder(events, result.finishReason).isOver);
    assert(checkEventOrder(record.events, result.finishReason).isOver);
    assertEquals(record.events.filter(({ type }) => type === "FINISH" || type === "FAIL").length, 1);
    assertEquals(
      record.events.flatMap((event) => event.type === "GENERATED_TOKEN" ? [event.payload.tokenId] : []),
      result.tokenIds,
    );
  }
  const { pauses, evictions } = engine.stats().preemptions;
  assertGreater(pauses, 10);
  assertGreater(evictions, 10);
  assertGreater(cancelled, 5);
  assert(cancelled < REQUESTS / 2);
  assertEquals(engine.stats().kvBlocks.used, 0);
});
