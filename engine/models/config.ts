/**
 * A model folder's `config.json` and `generation_config.json` as one checked value.
 *
 * A field that is absent has the value that transformers gives it in that family; what the engine cannot compute
 * faithfully is refused here, before any memory is taken.
 *
 * @module
 */
import { join } from "node:path";
import { UpbeatError } from "../../errors.ts";
import { readFields } from "./config_fields.ts";
import { findFamily } from "./families/registry.ts";
import { readGenerationConfig } from "./generation_config.ts";
import type { SamplingDefaults } from "./generation_config.ts";
import type { RopeConfig } from "./rope_config.ts";

/** The families of decoders that can be run. SmolLM2 and many others are Llamas. */
export type ModelFamily = "llama" | "mistral" | "qwen2" | "qwen3";

/** What a family's reader makes of `config.json`: the shape of the decoder. */
export interface DecoderConfig {
  /** The family, which decides the defaults; what it computes is in the other fields. */
  readonly family: ModelFamily;
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Number of decoder layers. */
  readonly layers: number;
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads; divides `heads`. */
  readonly kvHeads: number;
  /** Elements per head, even; `heads * headDim` need not be `hiddenSize`. */
  readonly headDim: number;
  /** Width of the feed-forward network. */
  readonly ffnSize: number;
  /** Rows of the embedding, and number of logits. */
  readonly vocabularySize: number;
  /** Added to the mean square in every RMSNorm. */
  readonly rmsNormEpsilon: number;
  /** The longest sequence the model was made for, in tokens. */
  readonly maxPositions: number;
  /** Whether the language model head is the embedding matrix. */
  readonly tieWordEmbeddings: boolean;
  /** Biases on the q, k and v projections. */
  readonly qkvBias: boolean;
  /** A bias on the attention's output projection. */
  readonly outputBias: boolean;
  /** Biases on the gate, up and down projections. */
  readonly mlpBias: boolean;
  /** RMSNorm of each query and key head before the rotary embedding. */
  readonly qkNorm: boolean;
  /** Per layer: how many of the latest positions a token sees, itself included; null: all of them. `[layers]` */
  readonly slidingWindows: readonly (number | null)[];
  /** The rotary embedding. */
  readonly rope: RopeConfig;
  /** The weights' dtype as the file states it (`"bfloat16"`); only a statement, the tensors decide. */
  readonly dtype: string | null;
  /** The beginning-of-sequence token; null when there is none. */
  readonly bosTokenId: number | null;
  /** Tokens that end a generation; may be empty. */
  readonly eosTokenIds: readonly number[];
}

/** Everything the two configuration files say about a model. */
export interface ModelConfig extends DecoderConfig {
  /** The model folder. */
  readonly folder: string;
  /** The sampling that the model's authors suggest. */
  readonly sampling: SamplingDefaults;
}

/**
 * Read and check the configuration of a model folder.
 *
 * BOS and EOS of `generation_config.json` win over those of `config.json`.
 *
 * @param folder Path of a Hugging Face model folder.
 * @returns The configuration.
 * @throws {UpbeatError} `MODEL_NOT_FOUND` without a `config.json`; `MODEL_UNSUPPORTED` for a model that would not be
 * computed faithfully; `MODEL_CONFIG_INVALID` for a missing or impossible value. Each names file, field and value.
 * @example
 * ```ts
 * const config = readModelConfig("models/SmolLM2-135M");
 * console.log(config.family, config.layers, config.eosTokenIds);
 * ```
 */
export function readModelConfig(folder: string): ModelConfig {
  const file = join(folder, "config.json");
  const fields = readFields(file);
  if (fields === null) {
    throw new UpbeatError("MODEL_NOT_FOUND", `${file} does not exist; give the path of a Hugging Face model folder`, {
      folder,
      file,
    });
  }
  const decoder = findFamily(fields).read(fields);
  const generation = readGenerationConfig(folder, decoder.vocabularySize);
  return {
    ...decoder,
    folder,
    bosTokenId: generation.bosTokenId ?? decoder.bosTokenId,
    eosTokenIds: generation.eosTokenIds ?? decoder.eosTokenIds,
    sampling: generation.sampling,
  };
}
