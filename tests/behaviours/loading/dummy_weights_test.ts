import { assert, assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { UpbeatError } from "../../../errors.ts";
import { readModelConfig } from "../../../engine/models/config.ts";
import { type ModelPlan, planDummyModel, planModel } from "../../../engine/models/model_plan.ts";
import { isMatrix } from "../../../engine/models/memory_plan.ts";
import { openCheckpoint } from "../../../engine/weights/checkpoint.ts";
import { Engine, type EngineOptions } from "../../../mod.ts";
import { randomWeights } from "../../support/models/reference_weights.ts";
import { writeSafetensors } from "../../support/models/safetensors_writer.ts";

const TINY = fileURLToPath(new URL("../../../bench/gpu/shapes/tiny", import.meta.url));
const PROMPT = [1, 17, 44, 9, 200, 31];

/** The tokens that a model generates, and their log-probabilities. */
async function generated(folder: string, options: EngineOptions): Promise<{ tokens: number[]; logprobs: number[] }> {
  await using engine = await Engine.load(folder, { threads: 1, maxContext: 256, ...options });
  const { tokenIds, logprobs } = await engine.generate(PROMPT, {
    maxTokens: 12,
    temperature: 0,
    ignoreEos: true,
    logprobs: 0,
  }).result;
  return { tokens: [...tokenIds], logprobs: logprobs!.map(({ logprob }) => logprob) };
}

/** The parts of a plan's matrices, or of its vectors, in the order in which they are generated. */
function partsOf({ memory }: ModelPlan, kind: "matrices" | "vectors") {
  const weights = memory.sections.flat().filter((weight) => isMatrix(weight) === (kind === "matrices"));
  return weights.map(({ parts }) => parts);
}

/** Writes the model that an engine with dummy weights of this seed runs. */
function writeDummyModel(folder: string, seed: number): void {
  const config = readFileSync(join(TINY, "config.json"), "utf8");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), config);
  const plan = planDummyModel(readModelConfig(TINY), "BF16");
  const tensors: Parameters<typeof writeSafetensors>[1][number][] = [];
  const add = (name: string, shape: number[], elements: Float32Array) =>
    tensors.push({
      name,
      shape,
      dtype: "BF16",
      fill: (block, first) => block.set(elements.subarray(first, first + block.length)),
    });
  let matrix = 0;
  for (const parts of partsOf(plan, "matrices")) {
    let firstRow = 0;
    for (const { name, rows, columns } of parts) {
      const stacked = randomWeights(firstRow + rows, columns, 0.02 * Math.sqrt(3), [seed, matrix++]);
      add(name, [rows, columns], stacked.subarray(firstRow * columns));
      firstRow += rows;
    }
  }
  for (const part of partsOf(plan, "vectors").flat()) {
    add(part.name, [part.rows], new Float32Array(part.rows).fill(1));
  }
  writeSafetensors(join(folder, "model.safetensors"), tensors);
}

test("dummy weights generate the same as equal weights in files", async () => {
  const folder = mkdtempSync(join(tmpdir(), "upbeat-dummy-"));
  try {
    writeDummyModel(folder, 5);
    const dummy = await generated(TINY, { weights: "dummy", weightSeed: 5 });
    assertEquals(dummy, await generated(folder, {}));
    assertEquals(dummy, await generated(TINY, { weights: "dummy", weightSeed: 5, overlap: false }));
    assert(dummy.logprobs.every((logprob) => Number.isFinite(logprob) && logprob < 0));
    assertNotEquals(dummy.logprobs, (await generated(TINY, { weights: "dummy" })).logprobs);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("load() reports progress of dummy weights", async () => {
  const progress: number[] = [];
  let total = 0;
  await using engine = await Engine.load(TINY, {
    weights: "dummy",
    threads: 1,
    onProgress: ({ loadedBytes, totalBytes }) => {
      progress.push(loadedBytes);
      total = totalBytes;
    },
  });
  assertEquals(progress.at(-1), total);
  assertEquals(total, engine.info.weightBytes);
  assertEquals(engine.tokenizer, null);
});

test("load() rejects a folder without weights unless they are dummies", async () => {
  const { code } = await assertRejects(() => Engine.load(TINY, { threads: 1 }), UpbeatError);
  assertEquals(code, "MODEL_NOT_FOUND");
});

test("load() rejects unknown values of weights and weightSeed", async () => {
  for (const [field, options] of [["weights", { weights: "random" }], ["weightSeed", { weightSeed: -1 }]] as const) {
    const load = () => Engine.load(TINY, options as unknown as EngineOptions);
    const { code, message } = await assertRejects(load, UpbeatError);
    assertEquals(code, "INVALID_PARAMETER");
    assertStringIncludes(message, field);
  }
});

test("planDummyModel() has the shapes and bytes of weights in files", () => {
  const folder = mkdtempSync(join(tmpdir(), "upbeat-dummy-"));
  try {
    writeDummyModel(folder, 0);
    const real = planModel(readModelConfig(folder), openCheckpoint(folder));
    const dummy = planDummyModel(readModelConfig(TINY), "BF16");
    const shapes = (plan: ModelPlan) =>
      partsOf(plan, "matrices").flat().map((
        { name, rows, columns, dtype, byteLength },
      ) => [name, rows, columns, dtype, byteLength]);
    assertEquals(shapes(dummy), shapes(real));
    assertEquals(dummy.weightBytes, real.weightBytes);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
