/**
 * Checks the reference forward pass, and with it the configuration readers and the rotary frequencies, against outputs
 * of PyTorch in float64.
 */
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { greedy, logitsOf, logSoftmax, ReferenceModel } from "./reference_model.ts";
import { sharedModels } from "./shared_models.ts";

interface Golden {
  readonly cases: readonly {
    readonly prompt_ids: readonly number[];
    readonly greedy_ids: readonly number[];
    readonly greedy_logprobs: readonly number[];
    readonly first_steps: readonly { readonly top5_ids: readonly number[]; readonly top5_logits: readonly number[] }[];
    readonly prompt_logprobs?: readonly (number | null)[];
  }[];
}

/** The goldens are rounded to 5 or 6 decimal places. */
const TOLERANCE = 1e-5;

const MODELS: readonly [folder: string, golden: string, tokens: number][] = [
  ["families/llama3-rope", "families/llama3-rope/goldens.json", 64],
  ["families/mistral", "families/mistral/goldens.json", 64],
  ["families/mistral-sliding-window", "families/mistral-sliding-window/goldens.json", 64],
  ["families/qwen2", "families/qwen2/goldens.json", 64],
  ["families/qwen3", "families/qwen3/goldens.json", 64],
  ["stories260K", "goldens/stories260K.json", 200],
  ["tinystories-656k", "goldens/tinystories-656k.json", 200],
];

const shared = sharedModels();

for (const [folder, goldenFile, count] of MODELS) {
  const name = `greedy() reproduces the golden tokens and logits of ${folder}`;
  if (shared === null) {
    test.skip(`${name} (the shared models are not available)`, () => {});
    continue;
  }
  test(name, () => {
    const model = new ReferenceModel(join(shared, folder));
    const { cases } = JSON.parse(readFileSync(join(shared, goldenFile), "utf8")) as Golden;
    assert(cases.length > 0);
    for (const golden of cases) {
      const run = greedy(model, golden.prompt_ids, count);
      assertEquals(run.tokens, golden.greedy_ids.slice(0, count));
      run.tokens.forEach((token, step) => {
        const logprobs = logSoftmax(run.logits[step] as Float64Array);
        assertNear(logprobs[token], golden.greedy_logprobs[step], `log-probability of step ${step}`);
      });
      golden.first_steps.forEach(({ top5_ids: ids, top5_logits: logits }, step) => {
        ids.forEach((id, rank) => assertNear(run.logits[step]?.[id], logits[rank], `logit ${id} of step ${step}`));
      });
      const prompt = logitsOf(model, golden.prompt_ids);
      golden.prompt_logprobs?.forEach((expected, position) => {
        if (expected === null) return;
        const logprobs = logSoftmax(prompt[position - 1] as Float64Array);
        assertNear(logprobs[golden.prompt_ids[position] as number], expected, `log-probability of prompt ${position}`);
      });
    }
  });
}

function assertNear(actual: number | undefined, expected: number | undefined, what: string): void {
  assert(actual !== undefined && expected !== undefined, `${what} is missing`);
  const difference = Math.abs(actual - expected);
  assert(difference <= TOLERANCE, `${what}: ${actual}, not ${expected} (off by ${difference})`);
}
