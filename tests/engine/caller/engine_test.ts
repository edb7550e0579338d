import { assert, assertEquals, assertGreater, assertInstanceOf, assertNotEquals, assertRejects } from "@std/assert";
import { test } from "node:test";
import { Engine, type GenerationResult, type RequestEvent, UpbeatError } from "../../../mod.ts";
import { allEvents } from "../../support/all_events.ts";
import { withModelFolder, withRandomEngine } from "../../support/test_engine.ts";

async function collect<Item>(iterable: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of iterable) items.push(item);
  return items;
}

/** What must not depend on the batch, the chunks or the threads. */
function stream({ tokenIds, text, finishReason, logprobs }: GenerationResult): unknown {
  return { tokenIds, text, finishReason, logprobs };
}

test("generate() emits the events of a request's life in order", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const generation = engine.generate("hello", { maxTokens: 3, temperature: 0, ignoreEos: true });
    const events = await collect(generation);
    const token: RequestEvent["type"] = "GENERATED_TOKEN";
    assertEquals(events.map(({ type }) => type), ["ADD_ENGINE", "ADD_CONTEXT", token, token, token, "FINISH"]);
    assert(events.every(({ timestamp }, index) => index === 0 || timestamp >= events[index - 1]!.timestamp));
    const { tokenIds, text } = await generation.result;
    const payloads = events.flatMap((event) => (event.type === "GENERATED_TOKEN" ? [event.payload] : []));
    assertEquals(payloads.map(({ tokenId }) => tokenId), tokenIds);
    assertEquals(payloads.map((payload) => payload.text).join(""), text);
  });
});

test("generate() has the same text in events, text stream and result", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const generation = engine.generate("hello", { maxTokens: 40, temperature: 0.9, seed: 5 });
    const [pieces, again, { text }] = await Promise.all([
      collect(generation.text()),
      collect(generation.text()),
      generation.result,
    ]);
    assertEquals(pieces.join(""), text);
    assertEquals(again.join(""), text);
  });
});

test("generate() counts tokens and measures times", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const { usage, metrics, promptTokenIds } = await engine.generate([1, 2, 3], { maxTokens: 4, ignoreEos: true })
      .result;
    assertEquals([usage, promptTokenIds], [{ promptTokens: 3, completionTokens: 4 }, [1, 2, 3]]);
    assertGreater(metrics.ttftMs!, 0);
    assert(metrics.ttftMs! + 3 * metrics.tpotMs! <= metrics.e2eMs + 0.01);
    const single = await engine.generate([1], { maxTokens: 1, ignoreEos: true }).result;
    assertEquals(single.metrics.tpotMs, null);
  });
});

test("generate() is bit-identical alone, in a batch, with chunked prompts, and with any number of threads", async () => {
  const requests = Array.from({ length: 10 }, (_, index) => ({
    prompt: Array.from({ length: 1 + ((index * 13) % 50) }, (_, position) => (position * 7 + index * 31) % 300),
    options: {
      maxTokens: 5 + index * 3,
      ignoreEos: true,
      logprobs: 3,
      seed: index,
      temperature: index % 2 === 0 ? 0 : 0.8,
      topP: index % 3 === 0 ? 0.9 : 1,
      frequencyPenalty: index % 4 === 1 ? 0.5 : 0,
      repetitionPenalty: index % 5 === 2 ? 1.3 : 1,
    },
  }));
  await withRandomEngine({ hiddenSize: 96, heads: 6, kvHeads: 2 }, { threads: 1 }, async (alone, folder) => {
    const expected: unknown[] = [];
    for (const { prompt, options } of requests) {
      expected.push(stream(await alone.generate(prompt, options).result));
    }
    for (const options of [{ threads: 2 }, { threads: 3, maxBatchTokens: 6 }, { maxBatchRequests: 3, blockSize: 5 }]) {
      await using engine = await Engine.load(folder, options);
      const crowd = await Promise.all(requests.map(({ prompt, options }) => engine.generate(prompt, options).result));
      assertEquals(crowd.map(stream), expected, JSON.stringify(options));
    }
  });
});

test("generate() is reproducible with the seed of a result", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const first = await engine.generate("hello", { maxTokens: 20, temperature: 1.5 }).result;
    const again = await engine.generate("hello", { maxTokens: 20, temperature: 1.5, seed: first.seed }).result;
    const other = await engine.generate("hello", { maxTokens: 20, temperature: 1.5, seed: first.seed + 1 }).result;
    assertEquals(again.tokenIds, first.tokenIds);
    assert(other.tokenIds.join() !== first.tokenIds.join());
  });
});

test("generate() applies frequency penalties to the output, and repetition penalties to the prompt too", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const favoured = 77;
    const prompt = new Array<number>(50).fill(favoured);
    const options = { maxTokens: 1, temperature: 0, ignoreEos: true, logitBias: { [favoured]: 40 } };
    const first = async (penalty: object) =>
      (await engine.generate(prompt, { ...options, ...penalty }).result).tokenIds[0];
    assertEquals(await first({}), favoured);
    assertEquals(await first({ frequencyPenalty: 2 }), favoured);
    assertNotEquals(await first({ repetitionPenalty: 1e6 }), favoured);
  });
});

test("generate() ends at an end-of-sequence token, which the text excludes, and continues with ignoreEos", async () => {
  await withRandomEngine({}, {}, async (engine, folder) => {
    const free = await engine.generate([5, 6], { maxTokens: 12, temperature: 0, ignoreEos: true }).result;
    const eos = free.tokenIds[4]!;
    const first = free.tokenIds.indexOf(eos);
    await using ending = await withEos(folder, eos);
    const result = await ending.generate([5, 6], { maxTokens: 12, temperature: 0 }).result;
    assertEquals(result.tokenIds, free.tokenIds.slice(0, first + 1));
    assertEquals([result.finishReason, result.stopReason], ["stop", eos]);
    assertEquals(result.text, engine.tokenizer!.decode(free.tokenIds.slice(0, first), { skipSpecialTokens: true }));
    const ignoring = await ending.generate([5, 6], { maxTokens: 12, temperature: 0, ignoreEos: true }).result;
    assertEquals(ignoring.tokenIds, free.tokenIds);
  });
});

async function withEos(folder: string, eos: number): Promise<Engine> {
  const { writeFile } = await import("node:fs/promises");
  await writeFile(`${folder}/generation_config.json`, JSON.stringify({ eos_token_id: [eos, 319] }));
  return await Engine.load(folder);
}

test("generate() ends at a stop string that spans tokens, and never emits a part of it", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const free = await engine.generate("abc", { maxTokens: 60, temperature: 1, seed: 3, ignoreEos: true }).result;
    const characters = [...free.text];
    const start = characters.findIndex((_, index) => index > 3 && !free.text.slice(0, index).includes("\ufffd"));
    const stop = characters.slice(start, start + 3).join("");
    const generation = engine.generate("abc", { maxTokens: 60, temperature: 1, seed: 3, ignoreEos: true, stop });
    const pieces = await collect(generation.text());
    const result = await generation.result;
    const before = free.text.slice(0, free.text.indexOf(stop));
    assertEquals([result.text, pieces.join("")], [before, before]);
    assertEquals([result.finishReason, result.stopReason], ["stop", stop]);
    assertEquals(result.tokenIds, free.tokenIds.slice(0, result.tokenIds.length));
  });
});

test("leaving the loop cancels the request and frees its blocks", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const generation = engine.generate("abc", { maxTokens: 1500, temperature: 0, ignoreEos: true });
    for await (const event of generation) if (event.type === "GENERATED_TOKEN") break;
    const { finishReason, tokenIds } = await generation.result;
    assertEquals(finishReason, "cancelled");
    assert(tokenIds.length >= 1 && tokenIds.length < 1500);
    assertEquals(engine.stats().kvBlocks.used, 0);
    assertEquals((await engine.generate("abc", { maxTokens: 2, ignoreEos: true }).result).tokenIds.length, 2);
  });
});

test("generate() renders chat messages with the model's template", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const messages = [{ role: "user", content: "hi" }];
    const { promptTokenIds } = await engine.generate(messages, { maxTokens: 1 }).result;
    const text = engine.tokenizer!.decode(promptTokenIds, { skipSpecialTokens: false });
    assert(text.includes("hi") && text.length > 2, text);
  });
});

test("generate() fails with a typed error that names its subject, and the engine stays usable", async () => {
  await withRandomEngine({ maxPositions: 64 }, {}, async (engine) => {
    const bad: readonly (readonly [Parameters<Engine["generate"]>, string, string])[] = [
      [[[]], "PROMPT_INVALID", "no tokens"],
      [[[1, 320]], "PROMPT_INVALID", "320"],
      [[[1, -1]], "PROMPT_INVALID", "-1"],
      [[[1, 1.5]], "PROMPT_INVALID", "1.5"],
      [[[1, NaN]], "PROMPT_INVALID", "NaN"],
      [[null as unknown as string], "PROMPT_INVALID", "null"],
      [[[{ content: "no role" }] as never], "PROMPT_INVALID", "role"],
      [[new Array(64).fill(1)], "PROMPT_TOO_LONG", "64 tokens"],
      [[[1, 2], { maxTokens: 63 }], "PROMPT_TOO_LONG", "62 or less"],
      [[[1], { maxTokens: 0 }], "INVALID_PARAMETER", "maxTokens"],
      [[[1], { temperature: NaN }], "INVALID_PARAMETER", "temperature"],
      [[[1], { stop: "" }], "INVALID_PARAMETER", "stop"],
    ];
    for (const [parameters, code, part] of bad) {
      const generation = engine.generate(...parameters);
      const error = await assertRejects(() => generation.result, UpbeatError, part);
      assertEquals(error.code, code);
      const types = (await allEvents(generation)).map(({ type }) => type);
      assertEquals(types, ["ADD_ENGINE", "ERROR_NONTRANSIENT", "FAIL"]);
      await assertRejects(() => collect(generation.text()), UpbeatError, part);
    }
    assertEquals((await engine.generate([1], { maxTokens: 2, ignoreEos: true }).result).tokenIds.length, 2);
  });
});

test("dispose() ends running requests, frees everything, and may be called twice", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const generation = engine.generate("abc", { maxTokens: 1500, ignoreEos: true });
    await Promise.all([engine.dispose(), engine.dispose()]);
    assertEquals((await generation.result).finishReason, "cancelled");
    const late = await assertRejects(() => engine.generate("abc").result);
    assertInstanceOf(late, UpbeatError);
    assertEquals(late.code, "ENGINE_CLOSED");
  });
});

test("two engines in one process are independent", async () => {
  await withRandomEngine({ seed: 1 }, { threads: 1 }, async (one) => {
    await withRandomEngine({ seed: 2 }, { threads: 1 }, async (two) => {
      const alone = await one.generate("abc", { maxTokens: 30, temperature: 0, ignoreEos: true }).result;
      const [first, second] = await Promise.all(
        [one, two].map((engine) => engine.generate("abc", { maxTokens: 30, temperature: 0, ignoreEos: true }).result),
      );
      assertEquals(first!.tokenIds, alone.tokenIds);
      assert(first!.tokenIds.join() !== second!.tokenIds.join());
    });
  });
});

test("load() fails with a typed error for a missing folder, and leaves nothing running", async () => {
  await withModelFolder(async (folder) => {
    const error = await assertRejects(() => Engine.load(`${folder}/nothing`), UpbeatError, "nothing");
    assertEquals(error.code, "MODEL_NOT_FOUND");
  });
});
