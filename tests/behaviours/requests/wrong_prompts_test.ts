/** Prompts of any kind and size fail their own generation: nothing is thrown, nothing is left running. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { test } from "node:test";
import fc from "fast-check";
import { GENERATE_OPTIONS } from "../../../engine/config/generate_options.ts";
import { type Engine, type ErrorCode, type GenerateOptions, type Prompt, UpbeatError } from "../../../mod.ts";
import { garbageOptions, garbagePrompts } from "../../support/garbage.ts";
import { withRandomEngine } from "../../support/test_engine.ts";

/** Milliseconds that one call may take, on a busy machine. */
const LONGEST_CALL = 2_000;

function assertIdle(engine: Engine): void {
  const { running, waiting, paused, kvBlocks } = engine.stats();
  assertEquals([running, waiting, paused, kvBlocks.used], [0, 0, 0, 0]);
}

async function refusal(engine: Engine, prompt: unknown, options: GenerateOptions = {}): Promise<UpbeatError> {
  const generation = engine.generate(prompt as Prompt, options);
  assert(generation.isOver);
  return await assertRejects(() => generation.result, UpbeatError);
}

test("generate() refuses what is no prompt in the generation, and names it", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const { proxy, revoke } = Proxy.revocable([5], {});
    revoke();
    const fails = {
      role: "user",
      get content() {
        throw new RangeError("not now");
      },
    };
    const wrong: [unknown, ErrorCode, string][] = [
      [null, "PROMPT_INVALID", "not null"],
      [undefined, "PROMPT_INVALID", "not undefined"],
      [5, "PROMPT_INVALID", "not 5"],
      [Symbol("s"), "PROMPT_INVALID", "not Symbol(s)"],
      [{ role: "user", content: "x" }, "PROMPT_INVALID", 'not {"role":"user"'],
      [new Uint32Array([1, 2]), "PROMPT_INVALID", "an Uint32Array"],
      [[1n], "PROMPT_INVALID", "prompt token 0 is 1n"],
      [[Symbol("s")], "PROMPT_INVALID", "contains Symbol(s)"],
      [[5, () => 5], "PROMPT_INVALID", "contains a function"],
      [proxy, "PROMPT_INVALID", "the prompt cannot be read"],
      [new Proxy(new Int32Array(2), {}), "PROMPT_INVALID", "the prompt cannot be read"],
      [[fails], "PROMPT_INVALID", 'the prompt cannot be read: "not now"'],
      [[{ role: "user", content: new Map() }], "PROMPT_INVALID", "contains a Map"],
      [new Array(2 ** 32 - 1), "PROMPT_TOO_LONG", "4294967295 tokens or messages"],
      [new Int32Array(10_000_000), "PROMPT_TOO_LONG", "10000000 tokens"],
    ];
    for (const [prompt, code, part] of wrong) {
      const error = await refusal(engine, prompt);
      assertStringIncludes(error.message, part);
      assertEquals(error.code, code, error.message);
    }
    const variables = await refusal(engine, "x", { templateVariables: { tools: [() => 1] } });
    assertEquals(variables.code, "INVALID_PARAMETER");
    assertStringIncludes(variables.message, "templateVariables must be of plain values");
    assertIdle(engine);
  });
});

test("generate() reads a prompt once: what changes afterwards has no effect", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const options = { maxTokens: 3, temperature: 0, ignoreEos: true };
    const expected = await engine.generate([5, 6], options).result;
    let reads = 0;
    const prompt = new Proxy([5, 6], {
      get: (target, name) => name === "1" && reads++ > 0 ? "later" : Reflect.get(target, name) as unknown,
    });
    assertEquals((await engine.generate(prompt, options).result).tokenIds, expected.tokenIds);
    const typed = new Int32Array([5, 6]);
    const generation = engine.generate(typed, options);
    typed.fill(-1);
    assertEquals((await generation.result).promptTokenIds, [5, 6]);
  });
});

test("generate() never throws or takes long, and fails with a typed error, whatever its prompt and options are", async () => {
  await withRandomEngine({}, { threads: 1 }, async (engine) => {
    let failed = 0;
    const options = fc.oneof(
      { weight: 2, arbitrary: fc.constant({ value: () => ({}), toString: () => "{}" }) },
      { weight: 1, arbitrary: garbageOptions(Object.keys(GENERATE_OPTIONS)) },
    );
    await fc.assert(
      fc.asyncProperty(garbagePrompts, options, async (prompt, given) => {
        const [promptValue, optionsValue] = [prompt.value() as Prompt, given.value() as GenerateOptions];
        // Text is bounded by its length where it is encoded.
        if (typeof promptValue === "string" && promptValue.length > 100_000) return;
        const start = performance.now();
        const generation = engine.generate(promptValue, optionsValue);
        assert(performance.now() - start < LONGEST_CALL, `${performance.now() - start} ms`);
        generation.cancel();
        await generation.result.catch((error: unknown) => {
          assert(error instanceof UpbeatError && error.code !== "INTERNAL", String(error));
          assert(error.message.length <= 2_000);
          failed++;
        });
      }),
      { seed: 20_261_130, numRuns: 600 },
    );
    assert(failed > 100, `only ${failed} failed`);
    assertIdle(engine);
    assertEquals((await engine.generate([5, 6], { maxTokens: 2, ignoreEos: true }).result).tokenIds.length, 2);
  });
});
