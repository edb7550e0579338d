import { assert, assertEquals, assertLess } from "@std/assert";
import { test } from "node:test";
import { type RandomModelOptions } from "../../support/models/random_model.ts";
import { greedy, logSoftmax, ReferenceModel } from "../../support/models/reference_model.ts";
import { withRandomEngine } from "../../support/test_engine.ts";

const llama3Scaling = {
  rope_type: "llama3",
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 32,
};

const models: Readonly<Record<string, RandomModelOptions>> = {
  "Llama in F32": { dtype: "F32" },
  "Llama in F16": { dtype: "F16", seed: 2 },
  "Llama in BF16, tied, one KV head per head": { kvHeads: 4, tieWordEmbeddings: true, seed: 3 },
  "Llama with llama3 rope scaling, tied": { ropeScaling: llama3Scaling, ropeTheta: 500000, tieWordEmbeddings: true },
  "Llama with linear rope scaling": { ropeScaling: { rope_type: "linear", factor: 4 }, configForm: "new" },
  "Llama with all biases": { attentionBias: true, mlpBias: true, dtype: "F32", seed: 4 },
  "Mistral": { family: "mistral", seed: 5 },
  "Mistral with a sliding window": { family: "mistral", slidingWindow: 9, seed: 6 },
  "Qwen2 with biases": { family: "qwen2", hiddenSize: 112, heads: 7, kvHeads: 1, tieWordEmbeddings: true, seed: 7 },
  "Qwen3 with q/k norm and wide heads, sharded": {
    family: "qwen3",
    headDim: 32,
    shards: 3,
    configForm: "new",
    seed: 8,
  },
  "Llama with q, k, v of three dtypes, gate and up of two": {
    tensorDtypes: { "q_proj.weight": "F32", "v_proj.weight": "F16", "up_proj.weight": "F32" },
    seed: 10,
  },
  "Qwen2 with biases, and with v and one gate of their own dtype": {
    family: "qwen2",
    hiddenSize: 112,
    heads: 7,
    kvHeads: 1,
    ffnSize: 100,
    tensorDtypes: { "v_proj.weight": "F32", "0.mlp.gate_proj.weight": "F16" },
    seed: 11,
  },
  "Qwen3 with q/k norm in F32": { family: "qwen3", hiddenSize: 80, heads: 5, kvHeads: 1, dtype: "F32", seed: 9 },
};

const prompts: readonly (readonly number[])[] = [
  [1],
  [1, 17, 44, 9, 200],
  Array.from({ length: 45 }, (_, index) => (index * 37 + 11) % 300),
];

for (const [name, model] of Object.entries(models)) {
  test(`${name} generates the tokens of a float64 forward pass`, async () => {
    await withRandomEngine(model, { threads: 2, maxBatchTokens: 24, kvDtype: "f32" }, async (engine, folder) => {
      const reference = new ReferenceModel(folder);
      const results = await Promise.all(
        prompts.map((prompt) =>
          engine.generate(prompt, { maxTokens: 24, temperature: 0, ignoreEos: true, logprobs: 2 }).result
        ),
      );
      for (const [index, { tokenIds, logprobs }] of results.entries()) {
        const expected = greedy(reference, prompts[index]!, 24);
        for (const [step, token] of expected.tokens.entries()) {
          const exact = logSoftmax(expected.logits[step]!);
          const runnerUp = exact.reduce((best, value, id) => (id !== token && value > best ? value : best), -Infinity);
          // F32 activations may choose differently only where two tokens are nearly equal.
          if (exact[token]! - runnerUp < 1e-3) break;
          assertEquals(tokenIds[step], token, `prompt ${index}, step ${step}`);
          assertLess(Math.abs(logprobs![step]!.logprob - exact[token]!), 1e-3);
          assertEquals(logprobs![step]!.top[0]!.tokenId, token);
          assert(logprobs![step]!.top[1]!.logprob <= logprobs![step]!.top[0]!.logprob);
        }
      }
    });
  });
}
