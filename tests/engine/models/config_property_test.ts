/**
 * Random damage to the files that describe a model: reading them and planning the model ends in a typed error or in a sound
 * plan, and never takes long or much memory. The weights are planned, not loaded.
 */
import { assert, assertLess } from "@std/assert";
import fc from "fast-check";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";

import { readModelConfig } from "../../../engine/models/config.ts";
import type { ModelConfig } from "../../../engine/models/config/model_config.ts";
import { activationBytes, kvBytesPerToken, loadedWeightBytes } from "../../../engine/models/memory.ts";
import { planDummyModel, planModel } from "../../../engine/models/model_plan.ts";
import { inverseFrequencies } from "../../../engine/models/rope.ts";
import { openCheckpoint } from "../../../engine/weights/checkpoint.ts";
import { type ErrorCode, UpbeatError } from "../../../errors.ts";
import { damageText, damageValue, pick, type Random, randomFrom } from "../../support/damage.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";

/** File system calls of Deno take ten times as long. */
const RUNS = { seed: 20_261_130, numRuns: "Deno" in globalThis ? 1500 : 10_000 };

/** Milliseconds for all runs, and bytes that may stay allocated: no run allocates more than the test itself. */
const MAX_TIME = 100_000;
const MAX_HEAP = 600 * 2 ** 20;

/** Words that a damaged configuration may contain. */
const WORDS = [
  ...["llama", "mistral", "qwen2", "qwen3", "mixtral", "LlamaForCausalLM", "Qwen3ForCausalLM"],
  ...["linear", "llama3", "default", "yarn", "full_attention", "sliding_attention", "gelu", "silu"],
  ...[64, 65_536, 10_000, [1, 2], 320, 319, { rope_type: "llama3", factor: 8 }],
];

const ALLOWED: readonly ErrorCode[] = [
  "MODEL_CONFIG_INVALID",
  "MODEL_UNSUPPORTED",
  "MODEL_NOT_FOUND",
  "WEIGHTS_INVALID",
]
  .concat(["WEIGHTS_MISSING_TENSOR", "WEIGHTS_WRONG_SHAPE", "WEIGHTS_UNSUPPORTED_DTYPE"]) as ErrorCode[];

const CONFIGS: readonly Record<string, unknown>[] = [
  {
    ...{ architectures: ["LlamaForCausalLM"], model_type: "llama", hidden_act: "silu", dtype: "bfloat16" },
    ...{ hidden_size: 64, num_attention_heads: 4, num_key_value_heads: 2, head_dim: 16, intermediate_size: 96 },
    ...{ num_hidden_layers: 2, vocab_size: 320, max_position_embeddings: 2048, rms_norm_eps: 1e-6, rope_theta: 1e4 },
    ...{ tie_word_embeddings: false, attention_bias: false, mlp_bias: false, bos_token_id: 1, eos_token_id: [2, 3] },
    rope_scaling: {
      ...{ rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
      original_max_position_embeddings: 512,
    },
  },
  {
    ...{ architectures: ["Qwen3ForCausalLM"], model_type: "qwen3", hidden_act: "silu", hidden_size: 64, head_dim: 16 },
    ...{ num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 96, num_hidden_layers: 3, vocab_size: 320 },
    ...{ max_position_embeddings: 4096, rope_parameters: { rope_theta: 1e6, rope_type: "default" } },
    ...{ use_sliding_window: true, sliding_window: 32, max_window_layers: 1, eos_token_id: 2 },
    layer_types: ["full_attention", "sliding_attention", "sliding_attention"],
  },
  {
    ...{ architectures: ["MistralForCausalLM"], model_type: "mistral", hidden_act: "silu", hidden_size: 64 },
    ...{ num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 96, num_hidden_layers: 2, vocab_size: 320 },
    ...{ max_position_embeddings: 4096, sliding_window: 24, rope_theta: 1e4, bos_token_id: 1, eos_token_id: 2 },
  },
];

const GENERATION = {
  ...{ bos_token_id: 1, eos_token_id: [2, 3], do_sample: true, temperature: 0.7, top_k: 20, top_p: 0.9, min_p: 0.1 },
  repetition_penalty: 1.1,
};

/** Runs, and returns how many ended in a typed error. */
function fuzz(run: (random: Random, folder: string) => unknown): number {
  let refused = 0;
  const start = performance.now();
  withTemporaryFolder((folder) => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        try {
          run(randomFrom(seed), folder);
        } catch (error) {
          if (!(error instanceof UpbeatError)) throw error;
          assert(ALLOWED.includes(error.code), `${error.code}: ${error.message}`);
          assert(error.message.length <= 2000 && /config\.json|model\./.test(error.message), error.message);
          refused++;
        }
      }),
      RUNS,
    );
  });
  assertLess(performance.now() - start, MAX_TIME);
  assertLess(process.memoryUsage().heapUsed, MAX_HEAP);
  return refused;
}

/** What a plan for this configuration promises. */
function checkPlan(config: ModelConfig): void {
  const frequencies = inverseFrequencies(config);
  assert(frequencies.every((frequency) => Number.isFinite(frequency * config.maxPositions)), "frequencies");
  assert(config.rmsNormEpsilon >= 0 && Number.isFinite(Math.fround(config.rmsNormEpsilon)), "epsilon");
  const { temperature, topP, minP, topK, repetitionPenalty } = config.sampling;
  for (const value of [temperature, topP, minP, topK, repetitionPenalty]) {
    assert(value === null || Number.isFinite(value));
  }
  // Dummy weights need a place, not files; planning takes memory for each layer only.
  if (config.layers > 100) return;
  const { memory } = planDummyModel(config, "BF16");
  for (const bytes of [loadedWeightBytes(memory), kvBytesPerToken(memory, "F32")]) assert(bytes > 0);
  assert(activationBytes(memory, { maxBatchTokens: 512, maxBatchRequests: 32 }) > 0);
}

test("readModelConfig() of a damaged config.json ends in a typed error or a sound plan", () => {
  const refused = fuzz((random, folder) => {
    const config = pick(random, CONFIGS);
    const text = random(4) === 0
      ? damageText(random, JSON.stringify(config, null, 1))
      : JSON.stringify(damageValue(random, config, WORDS));
    writeFileSync(join(folder, "config.json"), text);
    checkPlan(readModelConfig(folder));
  });
  assert(refused > RUNS.numRuns / 4 && refused < RUNS.numRuns, `${refused} were refused`);
});

test("readModelConfig() of a damaged generation_config.json ends in a typed error or sound sampling", () => {
  const refused = fuzz((random, folder) => {
    writeFileSync(join(folder, "config.json"), JSON.stringify(CONFIGS[0]));
    const text = random(4) === 0
      ? damageText(random, JSON.stringify(GENERATION, null, 1))
      : JSON.stringify(damageValue(random, GENERATION, WORDS));
    writeFileSync(join(folder, "generation_config.json"), text);
    checkPlan(readModelConfig(folder));
  });
  assert(refused > RUNS.numRuns / 4 && refused < RUNS.numRuns, `${refused} were refused`);
});

test("planModel() of real weights and a damaged config.json ends in a typed error or the same tensors", () => {
  let planned = 0;
  fuzz((random, folder) => {
    if (planned === 0) writeRandomModel(folder, {});
    planned++;
    const config = { ...CONFIGS[0], rope_scaling: null };
    writeFileSync(join(folder, "config.json"), JSON.stringify(damageValue(random, config, WORDS)));
    planModel(readModelConfig(folder), openCheckpoint(folder));
  });
  assert(planned >= RUNS.numRuns);
});
