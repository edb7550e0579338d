import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ErrorCode } from "../../../errors.ts";
import { readModelConfig } from "../../../engine/models/config.ts";
import type { ModelConfig } from "../../../engine/models/config/model_config.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";
import { sharedModels } from "../../support/models/shared_models.ts";
import { withTemporaryFolder } from "../../support/temporary_folder.ts";

type Json = Record<string, unknown>;

/** The required fields of a config.json. */
const REQUIRED: Json = {
  hidden_size: 64,
  intermediate_size: 96,
  num_attention_heads: 4,
  num_hidden_layers: 3,
  vocab_size: 320,
};

const LLAMA: Json = { ...REQUIRED, architectures: ["LlamaForCausalLM"], model_type: "llama" };
const MISTRAL: Json = { ...REQUIRED, num_key_value_heads: 2, model_type: "mistral" };
const QWEN2: Json = { ...REQUIRED, num_key_value_heads: 2, model_type: "qwen2" };
const QWEN3: Json = { ...REQUIRED, num_key_value_heads: 2, model_type: "qwen3" };

/** Reads these two files; the second may be missing. */
function read(config: Json | string, generation?: Json | string): ModelConfig {
  return withTemporaryFolder((folder) => {
    const text = (value: Json | string) => typeof value === "string" ? value : JSON.stringify(value);
    writeFileSync(join(folder, "config.json"), text(config));
    if (generation !== undefined) writeFileSync(join(folder, "generation_config.json"), text(generation));
    return { ...readModelConfig(folder), folder: "" };
  });
}

test("readModelConfig() has the defaults of Llama when only the required fields are given", () => {
  assertEquals(read(LLAMA), {
    folder: "",
    family: "llama",
    hiddenSize: 64,
    layers: 3,
    heads: 4,
    kvHeads: 4,
    headDim: 16,
    ffnSize: 96,
    vocabularySize: 320,
    rmsNormEpsilon: 1e-6,
    maxPositions: 2048,
    tieWordEmbeddings: false,
    qkvBias: false,
    outputBias: false,
    mlpBias: false,
    qkNorm: false,
    slidingWindows: [null, null, null],
    rope: { theta: 10_000, scaling: { type: "none" } },
    dtype: null,
    bosTokenId: 1,
    eosTokenIds: [2],
    sampling: { doSample: null, temperature: null, topK: null, topP: null, minP: null, repetitionPenalty: null },
  });
});

test("readModelConfig() has the defaults of the family when fields are absent", () => {
  const pick = ({ family, kvHeads, headDim, maxPositions, qkvBias, outputBias, qkNorm, bosTokenId }: ModelConfig) => ({
    family,
    kvHeads,
    headDim,
    maxPositions,
    qkvBias,
    outputBias,
    qkNorm,
    bosTokenId,
  });
  const heads32 = { num_attention_heads: 32, num_key_value_heads: undefined };
  assertEquals(pick(read({ ...MISTRAL, ...heads32 })), {
    family: "mistral",
    kvHeads: 8,
    headDim: 2,
    maxPositions: 131_072,
    qkvBias: false,
    outputBias: false,
    qkNorm: false,
    bosTokenId: 1,
  });
  assertEquals(pick(read({ ...QWEN2, ...heads32 })), {
    family: "qwen2",
    kvHeads: 32,
    headDim: 2,
    maxPositions: 32_768,
    qkvBias: true,
    outputBias: false,
    qkNorm: false,
    bosTokenId: null,
  });
  assertEquals(pick(read({ ...QWEN3, ...heads32 })), {
    family: "qwen3",
    kvHeads: 32,
    headDim: 128,
    maxPositions: 32_768,
    qkvBias: false,
    outputBias: false,
    qkNorm: true,
    bosTokenId: null,
  });
});

test("readModelConfig() derives num_key_value_heads and head_dim from the heads when they are null", () => {
  for (const config of [LLAMA, MISTRAL, QWEN2, QWEN3]) {
    const { kvHeads, headDim } = read({ ...config, num_key_value_heads: null, head_dim: null });
    assertEquals({ kvHeads, headDim }, { kvHeads: 4, headDim: 16 });
  }
});

test("readModelConfig() reads the same from both forms of config.json", () => {
  const scaling = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 256 };
  const scalings: [Json | null, Json][] = [
    [null, { rope_type: "default" }],
    [{ rope_type: "default" }, {}],
    [{ type: "linear", factor: 2.5 }, { rope_type: "linear", factor: 2.5 }],
    [{ rope_type: "llama3", ...scaling }, { rope_type: "llama3", ...scaling }],
  ];
  for (const [older, newer] of scalings) {
    const old = read({ ...LLAMA, torch_dtype: "bfloat16", rope_theta: 5e5, rope_scaling: older });
    assertEquals(old, read({ ...LLAMA, dtype: "bfloat16", rope_parameters: { rope_theta: 5e5, ...newer } }));
    assertEquals(old.rope.theta, 5e5);
    assertEquals(old.dtype, "bfloat16");
  }
  assertEquals(read({ ...LLAMA, rope_scaling: { rope_type: "llama3", ...scaling } }).rope.scaling, {
    type: "llama3",
    factor: 8,
    lowFrequencyFactor: 1,
    highFrequencyFactor: 4,
    originalMaxPositions: 256,
  });
  assertEquals(read({ ...LLAMA, rope_scaling: { type: "linear", factor: 2.5 } }).rope.scaling, {
    type: "linear",
    factor: 2.5,
  });
});

test("readModelConfig() prefers rope_theta inside the rope parameters when it is given twice", () => {
  assertEquals(read({ ...LLAMA, rope_theta: 1, rope_parameters: { rope_theta: 7 } }).rope.theta, 7);
  assertEquals(read({ ...LLAMA, rope_theta: 9, rope_parameters: { rope_type: "default" } }).rope.theta, 9);
});

test("readModelConfig() reads biases, tied embeddings and head size when they are given", () => {
  const llama = read({ ...LLAMA, attention_bias: true, mlp_bias: true, tie_word_embeddings: true, head_dim: 30 });
  assertEquals([llama.qkvBias, llama.outputBias, llama.mlpBias, llama.tieWordEmbeddings], [true, true, true, true]);
  assertEquals(llama.headDim, 30);
  const qwen3 = read({ ...QWEN3, attention_bias: true });
  assertEquals([qwen3.qkvBias, qwen3.outputBias, qwen3.mlpBias], [true, true, false]);
  const mistral = read({ ...MISTRAL, attention_bias: true });
  assertEquals([mistral.qkvBias, mistral.outputBias], [false, false]);
});

test("readModelConfig() gives every layer of Mistral the window, 4096 when the field is absent", () => {
  assertEquals(read(MISTRAL).slidingWindows, [4096, 4096, 4096]);
  assertEquals(read({ ...MISTRAL, sliding_window: null }).slidingWindows, [null, null, null]);
  assertEquals(read({ ...MISTRAL, sliding_window: 24 }).slidingWindows, [24, 24, 24]);
});

test("readModelConfig() gives layers of Qwen a window only when use_sliding_window is true", () => {
  for (const config of [QWEN2, QWEN3]) {
    const windows = (fields: Json) => read({ ...config, ...fields }).slidingWindows;
    const used = { use_sliding_window: true, sliding_window: 8 };
    const [full, sliding] = ["full_attention", "sliding_attention"];
    assertEquals(windows({}), [null, null, null]);
    assertEquals(windows({ sliding_window: 8, max_window_layers: 0 }), [null, null, null]);
    assertEquals(windows({ ...used, max_window_layers: 1 }), [null, 8, 8]);
    assertEquals(windows({ ...used, max_window_layers: 0 }), [8, 8, 8]);
    assertEquals(windows(used), [null, null, null]);
    assertEquals(windows({ use_sliding_window: true, max_window_layers: 2 }), [null, null, 4096]);
    assertEquals(windows({ use_sliding_window: true, sliding_window: null, max_window_layers: 0 }), [null, null, null]);
    assertEquals(windows({ ...used, max_window_layers: 0, layer_types: [full, sliding, full] }), [null, 8, null]);
    assertEquals(windows({ sliding_window: 8, layer_types: [full, full, full] }), [null, null, null]);
  }
});

test("readModelConfig() prefers the BOS of generation_config.json, and has the EOS of both files", () => {
  const tokens = (config: Json, generation?: Json) => {
    const { bosTokenId, eosTokenIds } = read({ ...LLAMA, ...config }, generation);
    return [bosTokenId, eosTokenIds];
  };
  assertEquals(tokens({ eos_token_id: [5, 6, 5] }), [1, [5, 6]]);
  assertEquals(tokens({ bos_token_id: null, eos_token_id: null }), [null, []]);
  assertEquals(tokens({ eos_token_id: 5 }, {}), [1, [5]]);
  assertEquals(tokens({ eos_token_id: 5 }, { bos_token_id: 3, eos_token_id: 4 }), [3, [4, 5]]);
  assertEquals(tokens({ eos_token_id: 5 }, { eos_token_id: [1, 2] }), [1, [1, 2, 5]]);
  assertEquals(tokens({ eos_token_id: 5 }, { eos_token_id: null }), [1, [5]]);
});

test("readModelConfig() reads the sampling that the model's authors suggest", () => {
  const { sampling } = read(LLAMA, {
    do_sample: true,
    temperature: 0.7,
    top_k: 20,
    top_p: 0.8,
    min_p: 0.05,
    repetition_penalty: 1.1,
    max_length: 20,
  });
  assertEquals(sampling, {
    doSample: true,
    temperature: 0.7,
    topK: 20,
    topP: 0.8,
    minP: 0.05,
    repetitionPenalty: 1.1,
  });
  assertEquals(read(LLAMA, { top_k: -1 }).sampling.topK, 0);
  // It has no effect without do_sample, and some files have it for "off".
  assertEquals(read(LLAMA, { top_p: 0 }).sampling.topP, 0);
});

/** Changes to a valid config.json that are refused, and what the message must name. */
const REFUSALS: readonly [code: ErrorCode, config: Json, changes: Json, ...parts: string[]][] = [
  ["MODEL_UNSUPPORTED", LLAMA, { architectures: ["GPT2LMHeadModel"] }, "architectures", "GPT2LMHeadModel", "Qwen3For"],
  ["MODEL_UNSUPPORTED", LLAMA, { architectures: [], model_type: "mixtral" }, "model_type", "mixtral"],
  ["MODEL_UNSUPPORTED", LLAMA, { model_type: "smollm3" }, "model_type", "smollm3"],
  ["MODEL_CONFIG_INVALID", LLAMA, { architectures: null, model_type: null }, "architectures"],
  ["MODEL_CONFIG_INVALID", LLAMA, { architectures: "LlamaForCausalLM" }, "architectures", "list"],
  ["MODEL_CONFIG_INVALID", LLAMA, { model_type: "qwen2" }, "model_type", "qwen2", "llama"],
  ["MODEL_UNSUPPORTED", LLAMA, { hidden_act: "gelu" }, "hidden_act", '"gelu"'],
  ["MODEL_UNSUPPORTED", LLAMA, { quantization_config: { quant_method: "gptq" } }, "quantization_config", "gptq"],
  ["MODEL_UNSUPPORTED", LLAMA, { num_local_experts: 8 }, "num_local_experts", "8"],
  ["MODEL_UNSUPPORTED", QWEN3, { num_experts: 128 }, "num_experts", "128"],
  ["MODEL_UNSUPPORTED", LLAMA, { partial_rotary_factor: 0.5 }, "partial_rotary_factor", "0.5"],
  ["MODEL_UNSUPPORTED", LLAMA, { rope_parameters: { partial_rotary_factor: 0.5 } }, "rope_parameters.partial_rotary"],
  ["MODEL_UNSUPPORTED", LLAMA, { rope_scaling: { type: "dynamic", factor: 2 } }, "rope_scaling.type", '"dynamic"'],
  ["MODEL_UNSUPPORTED", LLAMA, { rope_scaling: { rope_type: "yarn", factor: 4 } }, "rope_scaling.rope_type", '"yarn"'],
  ["MODEL_UNSUPPORTED", LLAMA, { rope_parameters: { rope_type: "longrope" } }, "rope_parameters.rope_type", "longrope"],
  ["MODEL_UNSUPPORTED", LLAMA, { rope_parameters: { full_attention: {} } }, "rope_parameters.full_attention"],
  ["MODEL_CONFIG_INVALID", LLAMA, { rope_scaling: { factor: 2 } }, "rope_scaling.rope_type", "missing"],
  ["MODEL_CONFIG_INVALID", LLAMA, { rope_scaling: "linear" }, "rope_scaling", '"linear"'],
  ["MODEL_CONFIG_INVALID", LLAMA, { rope_scaling: { type: "linear" } }, "rope_scaling.factor", "missing"],
  ["MODEL_CONFIG_INVALID", LLAMA, { rope_scaling: { type: "linear", factor: 0 } }, "rope_scaling.factor", "is 0"],
  [
    "MODEL_CONFIG_INVALID",
    LLAMA,
    { rope_scaling: { rope_type: "llama3", factor: 8, low_freq_factor: 4, high_freq_factor: 4 } },
    "rope_scaling.high_freq_factor",
    "is 4",
  ],
  [
    "MODEL_CONFIG_INVALID",
    LLAMA,
    { rope_scaling: { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 } },
    "rope_scaling.original_max_position_embeddings",
    "missing",
  ],
  ["MODEL_CONFIG_INVALID", LLAMA, { rope_theta: 0 }, "rope_theta", "is 0"],
  ["MODEL_CONFIG_INVALID", LLAMA, { rope_theta: "10000" }, "rope_theta", '"10000"'],
  ["MODEL_CONFIG_INVALID", LLAMA, { hidden_size: undefined }, "hidden_size", "missing"],
  ["MODEL_CONFIG_INVALID", LLAMA, { hidden_size: null }, "hidden_size", "null"],
  ["MODEL_CONFIG_INVALID", LLAMA, { hidden_size: -64 }, "hidden_size", "-64"],
  ["MODEL_CONFIG_INVALID", LLAMA, { hidden_size: 64.5 }, "hidden_size", "64.5"],
  ["MODEL_CONFIG_INVALID", LLAMA, { hidden_size: 2 ** 31 }, "hidden_size", "2147483648"],
  ["MODEL_CONFIG_INVALID", LLAMA, { hidden_size: 66 }, "hidden_size", "66", "multiple"],
  ["MODEL_CONFIG_INVALID", LLAMA, { hidden_size: 60 }, "hidden_size", "60", "even"],
  ["MODEL_CONFIG_INVALID", LLAMA, { head_dim: 15 }, "head_dim", "15", "even"],
  ["MODEL_CONFIG_INVALID", LLAMA, { head_dim: 0 }, "head_dim", "is 0"],
  ["MODEL_CONFIG_INVALID", LLAMA, { num_attention_heads: 0 }, "num_attention_heads", "is 0"],
  ["MODEL_CONFIG_INVALID", LLAMA, { num_key_value_heads: 3 }, "num_key_value_heads", "3", "divisor"],
  ["MODEL_CONFIG_INVALID", LLAMA, { num_key_value_heads: 8 }, "num_key_value_heads", "8", "divisor"],
  ["MODEL_CONFIG_INVALID", QWEN2, { num_key_value_heads: undefined }, "num_key_value_heads", "missing", "32"],
  ["MODEL_CONFIG_INVALID", LLAMA, { num_hidden_layers: "3" }, "num_hidden_layers", '"3"'],
  ["MODEL_CONFIG_INVALID", LLAMA, { num_hidden_layers: 2_000_000_000 }, "num_hidden_layers", "2000000000"],
  ["MODEL_CONFIG_INVALID", LLAMA, { intermediate_size: [96] }, "intermediate_size", "[96]"],
  ["MODEL_CONFIG_INVALID", LLAMA, { vocab_size: true }, "vocab_size", "true"],
  ["MODEL_CONFIG_INVALID", LLAMA, { max_position_embeddings: 0 }, "max_position_embeddings", "is 0"],
  ["MODEL_CONFIG_INVALID", LLAMA, { rms_norm_eps: -1e-6 }, "rms_norm_eps", "-0.000001"],
  ["MODEL_CONFIG_INVALID", LLAMA, { rms_norm_eps: 1e308 }, "rms_norm_eps", "1e+308", "at most 1"],
  ["MODEL_CONFIG_INVALID", LLAMA, { max_position_embeddings: 1 }, "max_position_embeddings", "is 1", "from 2"],
  ["MODEL_CONFIG_INVALID", LLAMA, { head_dim: 2 ** 31 - 2 }, "head_dim", "2147483646", "65536"],
  ["MODEL_CONFIG_INVALID", LLAMA, { rope_theta: 5e-324 }, "rope_theta", "is 5e-324", "at least 1"],
  [
    "MODEL_CONFIG_INVALID",
    LLAMA,
    { rope_scaling: { rope_type: "linear", factor: 5e-324 } },
    "rope_scaling.factor",
    "is 5e-324",
  ],
  ["MODEL_CONFIG_INVALID", LLAMA, { tie_word_embeddings: "yes" }, "tie_word_embeddings", '"yes"'],
  ["MODEL_CONFIG_INVALID", LLAMA, { attention_bias: 1 }, "attention_bias", "is 1"],
  ["MODEL_CONFIG_INVALID", LLAMA, { torch_dtype: 16 }, "torch_dtype", "16"],
  ["MODEL_CONFIG_INVALID", LLAMA, { bos_token_id: 320 }, "bos_token_id", "320", "319"],
  ["MODEL_CONFIG_INVALID", LLAMA, { eos_token_id: [2, -1] }, "eos_token_id", "[2,-1]"],
  ["MODEL_CONFIG_INVALID", MISTRAL, { sliding_window: 0 }, "sliding_window", "is 0"],
  ["MODEL_UNSUPPORTED", MISTRAL, { layer_types: Array(3).fill("full_attention") }, "layer_types", "4096"],
  ["MODEL_CONFIG_INVALID", QWEN2, { layer_types: ["full_attention"] }, "layer_types", "list of 3"],
  ["MODEL_UNSUPPORTED", QWEN3, { layer_types: Array(3).fill("linear_attention") }, "layer_types", "linear_attention"],
  ["MODEL_CONFIG_INVALID", QWEN3, { layer_types: Array(3).fill("sliding_attention") }, "layer_types", "use_sliding"],
  ["MODEL_CONFIG_INVALID", QWEN2, { use_sliding_window: 1 }, "use_sliding_window", "is 1"],
];

for (const [code, config, changes, ...parts] of REFUSALS) {
  test(`readModelConfig() refuses a ${config["model_type"]} with ${JSON.stringify(changes)}`, () => {
    assertUpbeatError(() => read({ ...config, ...changes }), code, "config.json", ...parts);
  });
}

const BAD_GENERATION: readonly [changes: Json, ...parts: string[]][] = [
  [{ eos_token_id: 320 }, "eos_token_id", "320"],
  [{ eos_token_id: "2" }, "eos_token_id", '"2"'],
  [{ bos_token_id: 1.5 }, "bos_token_id", "1.5"],
  [{ do_sample: "true" }, "do_sample", '"true"'],
  [{ temperature: -1 }, "temperature", "-1"],
  [{ top_k: 0.5 }, "top_k", "0.5"],
  [{ top_p: 1.5 }, "top_p", "1.5"],
  [{ min_p: -0.1 }, "min_p", "-0.1"],
  [{ repetition_penalty: 0 }, "repetition_penalty", "is 0"],
  [{ do_sample: true, top_p: 0 }, "top_p", "is 0", "greater than 0"],
];

for (const [changes, ...parts] of BAD_GENERATION) {
  test(`readModelConfig() refuses a generation_config.json with ${JSON.stringify(changes)}`, () => {
    assertUpbeatError(() => read(LLAMA, changes), "MODEL_CONFIG_INVALID", "generation_config.json", ...parts);
  });
}

test("readModelConfig() refuses files that are not JSON objects", () => {
  for (const text of ["", "{", "[]", "null", '{"rms_norm_eps": NaN}']) {
    assertUpbeatError(() => read(text), "MODEL_CONFIG_INVALID", "config.json");
    assertUpbeatError(() => read(LLAMA, text), "MODEL_CONFIG_INVALID", "generation_config.json");
  }
});

test("readModelConfig() refuses a value when it is nested more deeply than the stack", () => {
  const nested = "[".repeat(100_000) + "]".repeat(100_000);
  assertUpbeatError(
    () => read(`{"model_type": "llama", "hidden_act": ${nested}}`),
    "MODEL_CONFIG_INVALID",
    "config.json",
  );
});

test("readModelConfig() names config.json when the folder has none", () => {
  withTemporaryFolder((folder) => {
    assertUpbeatError(() => readModelConfig(folder), "MODEL_NOT_FOUND", join(folder, "config.json"));
  });
});

const shared = sharedModels();
const EXPECTED: readonly [folder: string, expected: Partial<ModelConfig>][] = [
  ["stories260K", { family: "llama", layers: 5, headDim: 8, kvHeads: 4, tieWordEmbeddings: true, eosTokenIds: [1, 2] }],
  ["tinystories-656k", { family: "llama", layers: 2, headDim: 16, tieWordEmbeddings: true, eosTokenIds: [2] }],
  ["tinystories-27m-sharded", { family: "llama", headDim: 128, tieWordEmbeddings: false, rmsNormEpsilon: 1.25e-7 }],
  ["families/llama3-rope", {
    rope: {
      theta: 500_000,
      scaling: {
        type: "llama3",
        factor: 8,
        lowFrequencyFactor: 1,
        highFrequencyFactor: 4,
        originalMaxPositions: 32,
      },
    },
  }],
  ["families/mistral", { family: "mistral", headDim: 32, slidingWindows: [null, null, null], dtype: "bfloat16" }],
  ["families/mistral-sliding-window", { family: "mistral", slidingWindows: [24, 24, 24] }],
  ["families/qwen2", { family: "qwen2", qkvBias: true, headDim: 16, kvHeads: 1, rope: theta(1e6) }],
  ["families/qwen3", { family: "qwen3", qkNorm: true, headDim: 32, tieWordEmbeddings: false, rope: theta(1e6) }],
];

function theta(value: number): ModelConfig["rope"] {
  return { theta: value, scaling: { type: "none" } };
}

for (const [folder, expected] of EXPECTED) {
  const name = `readModelConfig() reads ${folder}`;
  if (shared === null) test.skip(`${name} (the shared models are not available)`, () => {});
  else {
    test(name, () => {
      const config = readModelConfig(join(shared, folder));
      for (const [field, value] of Object.entries(expected)) {
        assertEquals(config[field as keyof ModelConfig], value, field);
      }
    });
  }
}
