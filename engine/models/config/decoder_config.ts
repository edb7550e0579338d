/**
 * The shape of a decoder model, as read from its configuration.
 *
 * @module
 */
import type { RopeConfig } from "./rope_config.ts";

/** The families that can be run. SmolLM2 and many others are Llamas. */
export type ModelFamily = "llama" | "mistral" | "qwen2" | "qwen3";

/**
 * The shape of a decoder, as its family reads it from `config.json`. What it computes is composed by the family's page.
 */
export interface DecoderConfig {
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
  /** The longest sequence that the model supports, in tokens. */
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
  /** The weights' dtype as stated in the file, such as `"bfloat16"`; informative only, each tensor has its own. */
  readonly dtype: string | null;
  /** The beginning-of-sequence token; null without one. */
  readonly bosTokenId: number | null;
  /** Tokens that end a generation; may be empty. */
  readonly eosTokenIds: readonly number[];
}
