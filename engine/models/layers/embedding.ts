/**
 * Tokens to vectors.
 *
 * @module
 */
import type { Activation, Matrix } from "../memory_plan.ts";
import type { ModelBuilder } from "../model_builder.ts";
import type { Ops } from "../ops.ts";

/** A token embedding. */
export interface TokenEmbedding {
  /** `[vocabularySize, hiddenSize]` */
  readonly weight: Matrix;
  /** The residual stream. `[tokens, hiddenSize]` */
  readonly output: Activation;
  /** Look up the tokens of a step. */
  embed(ops: Ops): void;
}

/** Sizes of an embedding, and whether the head shares its matrix. */
export interface EmbeddingConfig {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly tieWordEmbeddings: boolean;
}

/**
 * The token embedding `model.embed_tokens`. Where the head shares its matrix, `lm_head` may be the one that is stored; of two
 * stored ones the embedding's counts, as in transformers.
 *
 * @param model A builder for the whole model.
 * @param config The model's configuration.
 */
export function tokenEmbedding(model: ModelBuilder, config: EmbeddingConfig): TokenEmbedding {
  const { vocabularySize, hiddenSize, tieWordEmbeddings: isTied } = config;
  const own = "model.embed_tokens.weight";
  const stored = isTied && !model.has(own) && model.has("lm_head.weight") ? "lm_head.weight" : own;
  const weight = model.matrix(stored, vocabularySize, hiddenSize, isTied);
  const output = model.activation("hidden", hiddenSize);
  return { weight, output, embed: (ops) => ops.embedding(weight, output) };
}
