/**
 * Small models with random weights, in the published form of their families: the same seed gives the same bytes.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelFamily } from "../../../engine/models/config/decoder_config.ts";
import type { WeightDtype } from "../../../engine/weights/dtypes.ts";
import { writeTinyTokenizer } from "./random_tokenizer.ts";
import { writeCheckpoint } from "./safetensors_writer.ts";
import type { TensorSource } from "./safetensors_writer.ts";

/** What to write; everything has a default. */
export interface RandomModelOptions {
  /** The family; "llama" unless given. */
  readonly family?: ModelFamily;
  /** Seed of the weights; 1 unless given. */
  readonly seed?: number;
  /** Width of the residual stream; 64. */
  readonly hiddenSize?: number;
  /** Layers; 2. */
  readonly layers?: number;
  /** Query heads; 4. */
  readonly heads?: number;
  /** Key and value heads; 2. */
  readonly kvHeads?: number;
  /** Elements per head; hiddenSize / heads. */
  readonly headDim?: number;
  /** Width of the feed-forward network; 96. */
  readonly ffnSize?: number;
  /** Rows of the embedding; 320. */
  readonly vocabularySize?: number;
  /** Longest sequence; 2048. */
  readonly maxPositions?: number;
  /** Epsilon of every RMSNorm; 1e-6. */
  readonly rmsNormEpsilon?: number;
  /** Whether the head is the embedding; false. */
  readonly tieWordEmbeddings?: boolean;
  /** Which of the two is stored when they are tied; "embedding". */
  readonly tiedAs?: "embedding" | "head";
  /** Llama and Qwen3: biases on q, k, v and the output projection; false. Qwen2 always has those of q, k and v. */
  readonly attentionBias?: boolean;
  /** Llama: biases in the feed-forward network; false. */
  readonly mlpBias?: boolean;
  /** Mistral, Qwen2, Qwen3: window in tokens; null. */
  readonly slidingWindow?: number | null;
  /** Qwen2, Qwen3 with a window: the first layer that has it; 0. */
  readonly firstSlidingLayer?: number;
  /** Base of the rotary embedding; 10000. */
  readonly ropeTheta?: number;
  /** Fields of the rope scaling, such as `{ rope_type: "linear", factor: 2 }`; null. */
  readonly ropeScaling?: Readonly<Record<string, string | number>> | null;
  /** Element type of all tensors; "BF16". */
  readonly dtype?: WeightDtype;
  /** Element type of the norms; `dtype`. */
  readonly normDtype?: WeightDtype;
  /** Element types of single tensors, by the end of their names, such as `{ "v_proj.weight": "F16" }`; none. */
  readonly tensorDtypes?: Readonly<Record<string, WeightDtype>>;
  /** Weight files; 1. */
  readonly shards?: number;
  /** `rope_theta`, `rope_scaling` and `torch_dtype`, or `rope_parameters` and `dtype`; "old". */
  readonly configForm?: "old" | "new";
  /** End-of-sequence tokens in generation_config.json; 2. */
  readonly eosTokenIds?: number | readonly number[];
  /** Whether to write a byte-level tokenizer; false. It needs a vocabulary of 259 or more. */
  readonly tokenizer?: boolean;
}

/** The options with all defaults. */
type Settled = Required<RandomModelOptions>;

const CLASSES: Readonly<Record<ModelFamily, string>> = {
  llama: "LlamaForCausalLM",
  mistral: "MistralForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
};

/** The standard deviation of the logits. */
const HEAD_GAIN = 3;

/** The layers' contribution must outweigh the embedding, or a tied head would favour the current token. */
const OUTPUT_GAIN = 4;

/**
 * Write a model folder: config.json, generation_config.json, the weights, and optionally a tokenizer.
 *
 * Weights are uniform and scaled to their fan-in, so that activations stay of order one through all layers, attention
 * is not uniform, and logits have a standard deviation of about 3.
 *
 * @param folder Where to write; made if it does not exist.
 * @param options What to write.
 * @example
 * ```ts
 * writeRandomModel(folder, { family: "qwen3", headDim: 32, dtype: "F32", shards: 2, tokenizer: true });
 * ```
 */
export function writeRandomModel(folder: string, options: RandomModelOptions = {}): void {
  const settled = settle(options);
  mkdirSync(folder, { recursive: true });
  writeJson(join(folder, "config.json"), configOf(settled));
  writeJson(join(folder, "generation_config.json"), { bos_token_id: 1, eos_token_id: settled.eosTokenIds });
  writeCheckpoint(folder, tensorsOf(settled), settled.shards);
  if (settled.tokenizer) writeTinyTokenizer(folder, settled.vocabularySize);
}

function settle(options: RandomModelOptions): Settled {
  const { hiddenSize = 64, heads = 4, dtype = "BF16" } = options;
  return {
    family: "llama",
    seed: 1,
    layers: 2,
    kvHeads: 2,
    headDim: hiddenSize / heads,
    ffnSize: 96,
    vocabularySize: 320,
    maxPositions: 2048,
    rmsNormEpsilon: 1e-6,
    tieWordEmbeddings: false,
    tiedAs: "embedding",
    attentionBias: false,
    mlpBias: false,
    slidingWindow: null,
    firstSlidingLayer: 0,
    ropeTheta: 10_000,
    ropeScaling: null,
    normDtype: dtype,
    tensorDtypes: {},
    shards: 1,
    configForm: "old",
    eosTokenIds: 2,
    tokenizer: false,
    ...options,
    hiddenSize,
    heads,
    dtype,
  };
}

function configOf(model: Settled): Record<string, unknown> {
  const { family, slidingWindow, ropeTheta, ropeScaling, configForm } = model;
  const dtype = { F32: "float32", F16: "float16", BF16: "bfloat16" }[model.dtype];
  const isQwen = family === "qwen2" || family === "qwen3";
  return {
    architectures: [CLASSES[family]],
    model_type: family,
    hidden_act: "silu",
    hidden_size: model.hiddenSize,
    num_hidden_layers: model.layers,
    num_attention_heads: model.heads,
    num_key_value_heads: model.kvHeads,
    head_dim: model.headDim,
    intermediate_size: model.ffnSize,
    vocab_size: model.vocabularySize,
    max_position_embeddings: model.maxPositions,
    rms_norm_eps: model.rmsNormEpsilon,
    tie_word_embeddings: model.tieWordEmbeddings,
    bos_token_id: 1,
    eos_token_id: 2,
    ...(family === "llama" || family === "qwen3" ? { attention_bias: model.attentionBias } : {}),
    ...(family === "llama" ? { mlp_bias: model.mlpBias } : { sliding_window: slidingWindow }),
    ...(isQwen ? { use_sliding_window: slidingWindow !== null, max_window_layers: model.firstSlidingLayer } : {}),
    ...(configForm === "old"
      ? { rope_theta: ropeTheta, rope_scaling: ropeScaling, torch_dtype: dtype }
      : { rope_parameters: { rope_theta: ropeTheta, rope_type: "default", ...ropeScaling }, dtype }),
  };
}

function tensorsOf(model: Settled): TensorSource[] {
  const { family, hiddenSize, ffnSize, vocabularySize, headDim, dtype, tieWordEmbeddings } = model;
  const tensors: TensorSource[] = [];
  const random = new Generator(model.seed);
  const add = (name: string, shape: number[], usual: WeightDtype, centre: number, deviation: number) => {
    const own = Object.entries(model.tensorDtypes).find(([end]) => name.endsWith(end))?.[1];
    tensors.push({ name, shape, dtype: own ?? usual, fill: (block) => random.fill(block, centre, deviation) });
  };
  const norm = (name: string, length: number) => add(`${name}.weight`, [length], model.normDtype, 1, 0.3);
  const linear = (name: string, rows: number, columns: number, bias: boolean, gain = 1) => {
    add(`${name}.weight`, [rows, columns], dtype, 0, gain / Math.sqrt(columns));
    if (bias) add(`${name}.bias`, [rows], dtype, 0, 0.2);
  };

  const qkvBias = family === "qwen2" || model.attentionBias;
  const outputBias = family !== "qwen2" && model.attentionBias;
  const embeddingName = tieWordEmbeddings && model.tiedAs === "head" ? "lm_head" : "model.embed_tokens";
  const embeddingDeviation = tieWordEmbeddings ? HEAD_GAIN / Math.sqrt(hiddenSize) : 1;
  add(`${embeddingName}.weight`, [vocabularySize, hiddenSize], dtype, 0, embeddingDeviation);
  for (let index = 0; index < model.layers; index++) {
    const layer = `model.layers.${index}`;
    norm(`${layer}.input_layernorm`, hiddenSize);
    linear(`${layer}.self_attn.q_proj`, model.heads * headDim, hiddenSize, qkvBias, 2);
    linear(`${layer}.self_attn.k_proj`, model.kvHeads * headDim, hiddenSize, qkvBias, 2);
    linear(`${layer}.self_attn.v_proj`, model.kvHeads * headDim, hiddenSize, qkvBias);
    linear(`${layer}.self_attn.o_proj`, hiddenSize, model.heads * headDim, outputBias, OUTPUT_GAIN);
    if (family === "qwen3") {
      norm(`${layer}.self_attn.q_norm`, headDim);
      norm(`${layer}.self_attn.k_norm`, headDim);
    }
    norm(`${layer}.post_attention_layernorm`, hiddenSize);
    linear(`${layer}.mlp.gate_proj`, ffnSize, hiddenSize, model.mlpBias);
    linear(`${layer}.mlp.up_proj`, ffnSize, hiddenSize, model.mlpBias);
    linear(`${layer}.mlp.down_proj`, hiddenSize, ffnSize, model.mlpBias, OUTPUT_GAIN);
  }
  norm("model.norm", hiddenSize);
  if (!tieWordEmbeddings) linear("lm_head", vocabularySize, hiddenSize, false, HEAD_GAIN);
  return tensors;
}

/** A fast generator: xorshift32 (Marsaglia 2003). */
class Generator {
  #state: number;

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 0x9e3779b9) ^ 0x5bf03635) | 0 || 1;
  }

  /** Uniform values of the given mean and standard deviation. */
  fill(block: Float32Array, mean: number, deviation: number): void {
    // A uniform value between -2^31 and 2^31 has a standard deviation of 2^31 / sqrt(3).
    const scale = (deviation * Math.sqrt(3)) / 2 ** 31;
    let state = this.#state;
    for (let i = 0; i < block.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      block[i] = mean + state * scale;
    }
    this.#state = state;
  }
}

function writeJson(file: string, value: unknown): void {
  writeFileSync(file, JSON.stringify(value, null, 2));
}
