import { assert, assertEquals, assertGreater } from "@std/assert";
import { test } from "node:test";
import { checkEventOrder } from "../../../engine/events/event_order.ts";
import { BUNDLED_MODEL, Engine, type EngineOptions, type GenerateOptions, type RequestEvent } from "../../../mod.ts";
import { Random } from "../../ops/random.ts";
import { assertNamedLibrary, sized } from "../../support/libraries/emulated.ts";

/** The load, the size of the pool, and how many preemptions the two must cause. */
interface Crowd {
  readonly seed: number;
  readonly requests: number;
  /** Maximum number of words of a prompt after its opening. */
  readonly words: number;
  /** Upper bounds of the lengths of medium and long answers. */
  readonly lengths: readonly [medium: number, long: number];
  readonly pool: Pick<EngineOptions, "kvBlocks" | "blockSize" | "maxBatchTokens" | "maxBatchRequests">;
  readonly leastPreemptions: number;
  readonly leastCancelled: number;
}

const { seed, requests, words, lengths, pool, leastPreemptions, leastCancelled } = sized<Crowd>(
  {
    ...{ seed: 64, requests: 64, words: 24, lengths: [40, 90], leastPreemptions: 10, leastCancelled: 5 },
    pool: { kvBlocks: 40, blockSize: 4, maxBatchTokens: 48, maxBatchRequests: 12 },
  },
  {
    ...{ seed: 10, requests: 8, words: 2, lengths: [12, 18], leastPreemptions: 1, leastCancelled: 0 },
    pool: { kvBlocks: 7, blockSize: 4, maxBatchTokens: 24, maxBatchRequests: 6 },
  },
);
const OPENINGS = ["Once upon a time", "One rainy morning", "There was a small", "Tom had", "Where is the red ball?"];

/** A request, and the number of tokens after which it is cancelled. */
interface CrowdRequest {
  readonly prompt: string;
  readonly options: GenerateOptions;
  readonly cancelAfter: number | null;
}

function randomRequest(random: Random, index: number): CrowdRequest {
  const rest = Array.from(
    { length: random.integer(0, words) },
    () => random.pick(["sun", "and", "the", "tree", "ran"]),
  );
  const [medium, long] = lengths;
  return {
    prompt: [random.pick(OPENINGS), ...rest].join(" "),
    options: {
      maxTokens: random.pick([1, 2, random.integer(3, medium), random.integer(medium, long)]),
      seed: index,
      temperature: random.pick([0, 0.8]),
      ...(random.integer(0, 4) === 0 ? { stop: [random.pick(["and", ". ", "!\n"])] } : {}),
    },
    cancelAfter: random.integer(0, 3) === 0 ? random.integer(0, Math.min(30, long)) : null,
  };
}

test(`${requests} requests in a pool far too small for them generate the same as alone, with events in legal order`, async () => {
  const random = new Random(seed);
  const crowd = Array.from({ length: requests }, (_, index) => randomRequest(random, index));
  // The pool bounds the longest sequence: the uncontended engine has a larger pool and the same bound.
  const maxContext = pool.kvBlocks! * pool.blockSize!;
  const alone: number[][] = [];
  {
    await using uncontended = await Engine.load(BUNDLED_MODEL, { maxContext, prefixCache: false, threads: 2 });
    for (const { prompt, options } of crowd) alone.push((await uncontended.generate(prompt, options).result).tokenIds);
  }

  await using engine = await Engine.load(BUNDLED_MODEL, {
    ...pool,
    threads: 2,
    overlap: true,
    trackGeneratedTokenEvents: true,
    trackPausedRequestEvents: true,
    trackDetailEvents: true,
  });
  assertNamedLibrary(engine);
  const outcomes = await Promise.all(crowd.map(async ({ prompt, options, cancelAfter }) => {
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
  for (const [index, { events, result }] of outcomes.entries()) {
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
  assertGreater(pauses, leastPreemptions);
  assertGreater(evictions, leastPreemptions);
  assertGreater(cancelled, leastCancelled);
  assert(cancelled < requests / 2);
  assertEquals(engine.stats().kvBlocks.used, 0);
});
