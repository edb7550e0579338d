import { assertEquals, assertLess } from "@std/assert";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Engine } from "../../../mod.ts";
import { sized } from "../../support/libraries/emulated.ts";
import { sharedModels } from "../../support/models/shared_models.ts";

interface GoldenCase {
  readonly prompt?: string;
  readonly prompt_ids: readonly number[];
  readonly greedy_ids: readonly number[];
  readonly greedy_logprobs: readonly number[];
  readonly top1_minus_top2_logit: readonly number[];
}

/** Logit margin below which lower precision may choose another token; these models have BF16 weights. */
const TIE = 1e-3;

function readCases(file: string): readonly GoldenCase[] {
  const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: GoldenCase[] };
  return cases.slice(0, sized(cases.length, 2)).map((golden) => ({
    ...golden,
    greedy_ids: golden.greedy_ids.slice(0, sized(golden.greedy_ids.length, 8)),
  }));
}

/** Checks that tokens are the golden ones, up to the first legitimate tie. */
function assertGolden(actual: readonly number[], golden: GoldenCase, label: string): void {
  const mismatch = golden.greedy_ids.findIndex((id, step) => actual[step] !== id);
  if (mismatch < 0) return;
  assertLess(
    golden.top1_minus_top2_logit[mismatch]!,
    TIE,
    `${label}: token ${mismatch} is ${actual[mismatch]}, not the golden one`,
  );
}

const shared = sharedModels();
const models = sized(["stories260K", "tinystories-656k", "tinystories-27m-sharded"], ["stories260K"]).map((name) => ({
  folder: name,
  goldens: `goldens/${name}.json`,
}));
const families = ["llama3-rope", "mistral", "mistral-sliding-window", "qwen2", "qwen3"].map((name) => ({
  folder: `families/${name}`,
  goldens: `families/${name}/goldens.json`,
}));

for (const { folder, goldens } of [...models, ...families]) {
  const file = join(shared ?? "", goldens);
  if (shared === null || !existsSync(file)) {
    test.skip(`${folder} reproduces its golden tokens (the shared models are not available)`);
    continue;
  }
  const cases = readCases(file);
  const settings = [{ threads: 1, maxBatchTokens: 512 }, { threads: 2, maxBatchTokens: 7 }].slice(sized(0, 1));
  for (const options of settings) {
    const how = `${options.threads} threads, ${options.maxBatchTokens} tokens per step`;
    test(`${folder} reproduces its golden tokens, alone and as one batch, with ${how}`, async () => {
      await using engine = await Engine.load(join(shared, folder), { ...options, kvDtype: "f32" });
      const generate = ({ prompt_ids, greedy_ids }: GoldenCase) =>
        engine.generate(prompt_ids, { maxTokens: greedy_ids.length, temperature: 0, ignoreEos: true, logprobs: 0 })
          .result;
      const batch = await Promise.all(cases.map(generate));
      for (const [index, golden] of cases.entries()) {
        const { tokenIds, logprobs } = batch[index]!;
        assertGolden(tokenIds, golden, `case ${index} in the batch`);
        for (let step = 0; step < tokenIds.length && tokenIds[step] === golden.greedy_ids[step]; step++) {
          assertLess(Math.abs(logprobs![step]!.logprob - golden.greedy_logprobs[step]!), 2e-3);
        }
      }
      // Alone, each stream must have the same bits; one of them suffices here.
      const alone = await generate(cases[0]!);
      assertEquals(alone.tokenIds, batch[0]!.tokenIds);
      assertEquals(alone.logprobs, batch[0]!.logprobs);
    });
  }
}
