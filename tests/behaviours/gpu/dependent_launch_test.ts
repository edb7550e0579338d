import { assertEquals, assertGreater, assertRejects, assertStringIncludes } from "@std/assert";
import process from "node:process";
import { test } from "node:test";
import { Engine, type EngineOptions, type GenerateOptions, UpbeatError } from "../../../mod.ts";
import { onCpu } from "../../support/libraries/emulated.ts";
import { GPU_LIBRARIES } from "../../support/libraries/gpu_libraries.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { Simt, simt, SIMT_LIBRARY } from "../../support/libraries/simt_library.ts";
import { withModelFolder } from "../../support/test_engine.ts";

const VARIABLE = "UPBEAT_CUDA_DEPENDENT_LAUNCH";

/** Loads an engine with the variable set, which is read at the call. */
async function load(folder: string, variable: string, options: EngineOptions): Promise<Engine> {
  const before = process.env[VARIABLE];
  process.env[VARIABLE] = variable;
  try {
    return await Engine.load(folder, { maxBatchTokens: 64, blockSize: 8, kvBlocks: 128, ...options });
  } finally {
    if (before === undefined) delete process.env[VARIABLE];
    else process.env[VARIABLE] = before;
  }
}

/** Several requests, all sampling options, and prompts that begin and end in different steps. */
const FEW: readonly { readonly prompt: readonly number[]; readonly options: GenerateOptions }[] = [
  { prompt: [5], options: { temperature: 0, logprobs: 4 } },
  { prompt: Array.from({ length: 61 }, (_, i) => i + 3), options: { temperature: 0, logprobs: 1 } },
  { prompt: [7, 8, 9], options: { seed: 1, temperature: 1, topK: 5, topP: 0.9, minP: 0.01, logprobs: 2 } },
  { prompt: [9, 8, 7, 7], options: { seed: 2, repetitionPenalty: 1.2, presencePenalty: 0.2, logprobs: 0 } },
  { prompt: [1, 2], options: { seed: 3, logitBias: { 17: 4 }, logprobs: 3 } },
];

/** More rows than the decode kernel of `linear` supports. */
const MANY = Array.from({ length: 34 }, (_, i) => ({ prompt: [i + 1], options: { temperature: 0, logprobs: 1 } }));

/** Tokens and log-probabilities of requests that run together. */
async function generate(engine: Engine, requests: typeof FEW, maxTokens: number) {
  const generations = requests.map(({ prompt, options }) =>
    engine.generate(prompt, { maxTokens, ignoreEos: true, ...options })
  );
  const results = await Promise.all(generations.map(({ result }) => result));
  return results.map(({ tokenIds, logprobs }) => ({ tokenIds, logprobs }));
}

for (const { title, path, missing } of GPU_LIBRARIES) {
  const name = `dependent launches change no token and no log-probability [${title}]`;
  if (missing !== null) {
    test.skip(`${name}: ${missing}`, () => {});
    continue;
  }
  test(name, async () => {
    await withModelFolder(async (folder) => {
      writeRandomModel(folder, { family: "qwen3", headDim: 32, maxPositions: 256 });
      const runs = [];
      for (const variable of ["0", "1"]) {
        await using engine = await load(folder, variable, { library: path, maxBatchRequests: MANY.length });
        assertEquals(engine.info.dependentLaunches, variable === "1");
        runs.push([await generate(engine, FEW, 8), await generate(engine, MANY, 3)]);
      }
      assertEquals(runs[1], runs[0]);
      assertGreater(runs[0]![0]![0]!.logprobs!.length, 0);
    });
  });
}

simt("captured steps use dependent launches only if they are enabled", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { layers: 2, maxPositions: 64 });
    using machine = await Simt.take();
    for (const [variable, expected] of [["0", 0], ["", 0], ["1", 2 * 8]] as const) {
      const before = machine.dependentLaunches;
      await using engine = await load(folder, variable, { library: SIMT_LIBRARY, maxBatchRequests: 1 });
      await generate(engine, FEW.slice(0, 1), 4);
      const made = machine.dependentLaunches - before;
      if (expected === 0) assertEquals(made, 0, variable);
      // A decode step alone has at least eight launches per layer.
      else assertGreater(made, expected);
    }
  });
});

simt("load() fails with the remedy if dependent launches are enabled but not supported", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { layers: 1, maxPositions: 64 });
    using machine = await Simt.take();
    const options = { library: SIMT_LIBRARY, maxBatchRequests: 1 };
    machine.change({ compute: [8, 6] });
    const refusal = async () => {
      const { code, message } = await assertRejects(() => load(folder, "1", options), UpbeatError);
      assertEquals(code, "DEVICE_UNAVAILABLE");
      assertStringIncludes(message, `${VARIABLE}=0`);
      return message;
    };
    machine.change({ compute: [8, 6] });
    assertStringIncludes(await refusal(), "compute capability 9.0 and this GPU has 8.6");
    machine.change({});
    machine.dependentLaunchesRefused = true;
    assertStringIncludes(await refusal(), "the driver refuses");
    await using engine = await load(folder, "0", options);
    assertEquals((await generate(engine, FEW.slice(0, 1), 2))[0]!.tokenIds.length, 2);
  });
});

onCpu(`the CPU library ignores ${VARIABLE}`, async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { layers: 1, maxPositions: 64 });
    await using engine = await load(folder, "1", { device: "cpu", threads: 1 });
    assertEquals(engine.info.dependentLaunches, false);
  });
});
