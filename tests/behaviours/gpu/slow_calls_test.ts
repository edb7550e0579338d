import { assertEquals, assertGreater, assertRejects, assertStringIncludes } from "@std/assert";
import { Engine, type EngineOptions, type GenerateOptions, UpbeatError } from "../../../mod.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { Simt, simt, SIMT_LIBRARY } from "../../support/libraries/simt_library.ts";
import { withModelFolder } from "../../support/test_engine.ts";

/** Prompts of various lengths, all sampling options, and more requests than run at once. */
const REQUESTS: readonly { readonly prompt: readonly number[]; readonly options: GenerateOptions }[] = [
  { prompt: [5], options: { temperature: 0 } },
  { prompt: Array.from({ length: 61 }, (_, i) => i + 3), options: { temperature: 0, logprobs: 3 } },
  { prompt: [7, 8, 9], options: { seed: 1, temperature: 1, topK: 5, topP: 0.9, minP: 0.01 } },
  { prompt: [9, 8, 7, 7], options: { seed: 2, repetitionPenalty: 1.2, presencePenalty: 0.2, frequencyPenalty: 0.1 } },
  { prompt: [1, 2], options: { seed: 3, logitBias: { 17: 4 }, logprobs: 20 } },
  { prompt: Array.from({ length: 23 }, (_, i) => 40 + i), options: { temperature: 0 } },
  { prompt: [11, 12], options: { seed: 4 } },
];

const MODES: Readonly<Record<string, EngineOptions>> = {
  "one step at a time": { overlap: false, onStep: () => {} },
  "overlapping steps": { maxBatchRequests: 5 },
  "an oversubscribed pool": { kvBlocks: 14, maxContext: 100 },
};

for (const [title, options] of Object.entries(MODES)) {
  simt(`no step allocates, frees, or waits for the device other than by its event: ${title}`, async () => {
    await withModelFolder(async (folder) => {
      writeRandomModel(folder, { family: "qwen3", headDim: 32, maxPositions: 256 });
      using machine = await Simt.take();
      const before = machine.slowCalls;
      await using engine = await Engine.load(folder, {
        library: SIMT_LIBRARY,
        maxBatchTokens: 24,
        maxBatchRequests: 7,
        blockSize: 8,
        ...options,
      });
      assertGreater(machine.slowCalls, before + 10);
      machine.slowCallsForbidden = true;
      const loaded = machine.slowCalls;
      const results = await Promise.all(
        REQUESTS.map(({ prompt, options }) =>
          engine.generate(prompt, { maxTokens: 12, ignoreEos: true, ...options }).result
        ),
      );
      machine.slowCallsForbidden = false;
      assertEquals(results.map(({ tokenIds }) => tokenIds.length), Array(REQUESTS.length).fill(12));
      assertEquals(machine.slowCalls, loaded);
      if (title.includes("pool")) assertGreater(engine.stats().preemptions.evictions, 0);
    });
  });
}

simt("a slow call is a fault that names it while a test forbids slow calls", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { layers: 1 });
    using machine = await Simt.take();
    machine.slowCallsForbidden = true;
    const error = await assertRejects(() => Engine.load(folder, { library: SIMT_LIBRARY }), UpbeatError);
    machine.slowCallsForbidden = false;
    assertEquals(error.code, "DEVICE_FAULT");
    assertStringIncludes(error.message, "slow call: cuda");
    await using engine = await Engine.load(folder, { library: SIMT_LIBRARY, maxBatchTokens: 8 });
    assertEquals((await engine.generate([1], { maxTokens: 2, ignoreEos: true }).result).tokenIds.length, 2);
  });
});
