/**
 * Vectors to logits.
 *
 * @module
 */
import type { Activation } from "../memory_plan.ts";
import type { ModelBuilder } from "../model_builder.ts";
import type { Ops } from "../ops.ts";
import type { EmbeddingConfig, TokenEmbedding } from "./embedding.ts";

/** A language model head. */
export interface Head {
  /** `[logit rows, vocabularySize]` */
  readonly logits: Activation;
  /** Compute the logits of normalized rows. `[logit rows, hiddenSize]` */
  project(ops: Ops, normed: Activation): void;
}

/**
 * The language model head `lm_head`, or the embedding's matrix where the two are tied.
 *
 * @param model A builder for the whole model.
 * @param config The model's configuration.
 * @param embedding The model's embedding.
 */
export function languageModelHead(model: ModelBuilder, config: EmbeddingConfig, embedding: TokenEmbedding): Head {
  const { vocabularySize, hiddenSize, tieWordEmbeddings: isTied } = config;
  const weight = isTied ? embedding.weight : model.matrix("lm_head.weight", vocabularySize, hiddenSize);
  const projection = { weight, bias: null };
  const logits = model.activation("logits", vocabularySize, "logitRows");
  return { logits, project: (ops, normed) => ops.linear(projection, normed, logits, null) };
}
