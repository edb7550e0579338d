/**
 * The random models of the tests must be reproducible, match their configuration, and depend on their context, or
 * agreement with them would prove little.
 */
import { test } from "node:test";
import { assert, assertEquals, assertGreater, assertNotEquals } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { greedy, logitsOf, ReferenceModel } from "./reference_model.ts";
import type { GreedyRun } from "./reference_model.ts";
import { writeRandomModel } from "./random_model.ts";
import type { RandomModelOptions } from "./random_model.ts";
import { withTemporaryFolder } from "../temporary_folder.ts";

const PROMPT = [1, 17, 200, 45, 3, 99, 312, 8, 150, 77];

function run(options: RandomModelOptions, count = 12): GreedyRun {
  return withTemporaryFolder((folder) => {
    writeRandomModel(folder, options);
    return greedy(new ReferenceModel(folder), PROMPT, count);
  });
}

test("writeRandomModel() writes the same bytes only when the seed is the same", () => {
  const bytes = (seed: number) =>
    withTemporaryFolder((folder) => {
      writeRandomModel(folder, { seed, tokenizer: true });
      return readdirSync(folder).sort().map((file) => [file, readFileSync(join(folder, file)).toString("base64")]);
    });
  assertEquals(bytes(7), bytes(7));
  assertNotEquals(bytes(7), bytes(8));
});

test("writeRandomModel() writes models of every family with diverse logits that depend on the context", () => {
  const models: RandomModelOptions[] = [
    { family: "llama", dtype: "F32" },
    { family: "llama", tieWordEmbeddings: true, attentionBias: true, mlpBias: true },
    { family: "mistral", slidingWindow: 4, dtype: "F16" },
    { family: "qwen2", tieWordEmbeddings: true },
    { family: "qwen3", headDim: 32 },
  ];
  for (const options of models) {
    withTemporaryFolder((folder) => {
      writeRandomModel(folder, options);
      const model = new ReferenceModel(folder);
      const logits = logitsOf(model, PROMPT).at(-1) as Float64Array;
      const meanSquare = logits.reduce((sum, logit) => sum + logit * logit, 0) / logits.length;
      assert(meanSquare > 4 && meanSquare < 25, `${JSON.stringify(options)}: mean square ${meanSquare}`);
      const other = logitsOf(model, [...PROMPT.slice(0, -2), 5, PROMPT.at(-1) as number]).at(-1) as Float64Array;
      const change = Math.max(...logits.map((logit, id) => Math.abs(logit - (other[id] as number))));
      assertGreater(change, 0.5, JSON.stringify(options));
      assertGreater(new Set(greedy(model, PROMPT, 12).tokens).size, 2, JSON.stringify(options));
    });
  }
});

test("writeRandomModel() writes one model when only the form of its files differs", () => {
  const options: RandomModelOptions = { family: "qwen3", ropeScaling: { rope_type: "linear", factor: 2 }, layers: 3 };
  const expected = run(options);
  assertEquals(run({ ...options, configForm: "new" }), expected);
  assertEquals(run({ ...options, shards: 3 }), expected);
  const tied: RandomModelOptions = { tieWordEmbeddings: true };
  assertEquals(run({ ...tied, tiedAs: "head" }), run({ ...tied, tiedAs: "embedding" }));
});

test("ReferenceModel limits a token to its window when the layer has one", () => {
  const options: RandomModelOptions = { family: "qwen2", layers: 2 };
  const logits = (more: RandomModelOptions) => run({ ...options, ...more }, 1).logits;
  const full = logits({});
  assertEquals(logits({ slidingWindow: PROMPT.length }), full);
  assertEquals(logits({ slidingWindow: 3, firstSlidingLayer: 2 }), full);
  const oneLayer = logits({ slidingWindow: 3, firstSlidingLayer: 1 });
  assertNotEquals(oneLayer, full);
  assertNotEquals(logits({ slidingWindow: 3, firstSlidingLayer: 0 }), oneLayer);
});

test("ReferenceModel ignores tokens that are outside of the window of every layer", () => {
  // With 2 layers of window 3 the last token depends on 2 * (3 - 1) earlier positions.
  withTemporaryFolder((folder) => {
    writeRandomModel(folder, { family: "mistral", slidingWindow: 3, layers: 2 });
    const model = new ReferenceModel(folder);
    const last = (changedAt: number) =>
      logitsOf(model, PROMPT.map((token, index) => index === changedAt ? token + 1 : token)).at(-1);
    const unchanged = last(-1);
    assertEquals(last(PROMPT.length - 6), unchanged);
    assertNotEquals(last(PROMPT.length - 5), unchanged);
  });
});
