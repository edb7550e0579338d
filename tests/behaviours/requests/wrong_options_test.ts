/** What a caller gives wrongly fails its own generation: nothing is thrown, nothing is left running. */
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { test } from "node:test";
import fc from "fast-check";
import { GENERATE_OPTIONS } from "../../../engine/config/generate_options.ts";
import { Engine, type EngineOptions, type GenerateOptions, UpbeatError } from "../../../mod.ts";
import { garbageOptions } from "../../support/garbage.ts";
import { withRandomEngine } from "../../support/test_engine.ts";

const SMALL = { vocabularySize: 320 } as const;

async function refusal(engine: Engine, options: unknown): Promise<UpbeatError> {
  const generation = engine.generate([5, 6], options as GenerateOptions);
  return await assertRejects(() => generation.result, UpbeatError);
}

test("generate() takes null for an option that was left out", async () => {
  await withRandomEngine(SMALL, {}, async (engine) => {
    const greedy = { maxTokens: 3, temperature: 0 };
    const { tokenIds } = await engine.generate([5, 6], greedy).result;
    for (const name of Object.keys(GENERATE_OPTIONS)) {
      if (name in greedy) continue;
      const nulls = { ...greedy, [name]: null } as GenerateOptions;
      assertEquals((await engine.generate([5, 6], nulls).result).tokenIds, tokenIds, name);
    }
    assertEquals((await engine.generate([5, 6], null as never).result).finishReason, "length");
  });
});

test("generate() refuses wrong options in the generation, and nothing is left running", async () => {
  await withRandomEngine(SMALL, {}, async (engine) => {
    const wrong: [unknown, string][] = [
      [{ max_tokens: 5 }, 'there is no option "max_tokens"; did you mean maxTokens?'],
      [{ signal: {} }, "signal must be an AbortSignal, got {}"],
      [{ signal: "x" }, "signal"],
      [{ signal: { aborted: false } }, "signal"],
      [{ stop: 1 }, "stop must be non-empty strings, got 1"],
      [{ stop: ["x".repeat(70_000)] }, "stop may have at most 65536 characters together, got 70000"],
      [{ templateVariables: [] }, "templateVariables"],
      [
        { logitBias: Object.fromEntries(Array.from({ length: 320 }, (_, id) => [id, -Infinity])) },
        "logitBias forbids all 320 tokens",
      ],
      [5, "options must be an object, got 5"],
      ["x", "options"],
      [[], "options"],
    ];
    for (const [options, message] of wrong) {
      const error = await refusal(engine, options);
      assertEquals(error.code, "INVALID_PARAMETER");
      assertStringIncludes(error.message, message);
    }
    const { running, waiting, kvBlocks } = engine.stats();
    assertEquals([running, waiting, kvBlocks.used], [0, 0, 0]);
  });
});

test("generate() advises what makes room for a prompt that is too long", async () => {
  const advise = async (options: EngineOptions, part: string) => {
    await withRandomEngine(SMALL, options, async (engine) => {
      const error = await assertRejects(() => engine.generate(new Array<number>(100).fill(5)).result, UpbeatError);
      assertEquals(error.code, "PROMPT_TOO_LONG");
      assertStringIncludes(error.message, part);
    });
  };
  await advise({ kvBlocks: 2 }, "a larger kvBlocks (now 2, of 16 tokens each)");
  await advise({ maxContext: 64 }, "a larger maxContext: it allows 2048 tokens");
  await advise({ maxContext: 64, kvBlocks: 8 }, "a larger maxContext");
});

test("generate() never throws, and fails with a typed error, whatever its options are", async () => {
  await withRandomEngine(SMALL, { threads: 1 }, async (engine) => {
    let failed = 0;
    const options = garbageOptions(Object.keys(GENERATE_OPTIONS));
    await fc.assert(
      fc.asyncProperty(options, async ({ value }) => {
        const given = value();
        const generation = engine.generate([5, 6], given as GenerateOptions);
        generation.cancel();
        await generation.result.catch((error: unknown) => {
          assert(error instanceof UpbeatError && ["INVALID_PARAMETER", "ABORTED"].includes(error.code), String(error));
          failed++;
        });
      }),
      { seed: 20_261_130, numRuns: 1000 },
    );
    assert(failed > 100, `only ${failed} failed`);
    const { running, waiting, kvBlocks } = engine.stats();
    assertEquals([running, waiting, kvBlocks.used], [0, 0, 0]);
    assertEquals((await engine.generate([5, 6], { maxTokens: 2, ignoreEos: true }).result).tokenIds.length, 2);
  });
});

test("events() and dispose() refuse wrong options, and the engine goes on", async () => {
  await withRandomEngine(SMALL, {}, async (engine) => {
    for (const options of [{ size: 5 }, 5, { capacity: "5" }]) {
      const error = assertThrows(() => engine.events(options as never), UpbeatError);
      assertEquals(error.code, "INVALID_PARAMETER");
    }
    for (const options of [{ drian: true }, "now", { timeout: "5" }]) {
      const error = await assertRejects(() => engine.dispose(options as never), UpbeatError);
      assertEquals(error.code, "INVALID_PARAMETER");
    }
    engine.events(null as never)[Symbol.dispose]();
    assertEquals((await engine.generate([5, 6], { maxTokens: 1 }).result).finishReason, "length");
    await engine.dispose(null as never);
  });
});

test("Engine.load() refuses wrong options before it reads anything", async () => {
  const wrong: [unknown, string][] = [
    [{ thread: 1 }, "did you mean threads?"],
    [{ signal: { aborted: true } }, "signal must be an AbortSignal"],
    [{ onProgress: "print" }, "onProgress must be a function"],
    ["cpu", "options must be an object"],
    [{ device: new Array(1e6).fill("cpu") }, "device must be one of auto, cpu, cuda"],
  ];
  for (const [options, message] of wrong) {
    const error = await assertRejects(() => Engine.load("/no/such/folder", options as never), UpbeatError);
    assertEquals(error.code, "INVALID_PARAMETER");
    assertStringIncludes(error.message, message);
    assert(error.message.length < 400, error.message);
  }
});
