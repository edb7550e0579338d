/**
 * Between tokens and vectors: the embedding, and the head that gives logits. The two may share a matrix.
 *
 * @module
 */
import type { DecoderConfig } from "../config/decoder_config.ts";
import type { ForwardPass } from "../forward_pass.ts";
import type { Activation, Matrix } from "../memory_plan.ts";
import type { ModelBuilder } from "../model_builder.ts";
import { project } from "./linear.ts";

/** A token embedding. */
export interface TokenEmbedding {
  /** `[vocabularySize, hiddenSize]` */
  readonly weight: Matrix;
  /** The residual stream. `[tokens, hiddenSize]` */
  readonly hidden: Activation;
  /** Look up the tokens of a step. */
  embed(pass: ForwardPass): void;
}

/** A language model head. */
export interface Head {
  /** `[logit rows, vocabularySize]` */
  readonly logits: Activation;
  /** Compute the logits of normalized rows. */
  predict(pass: ForwardPass, normed: Activation): void;
}

/**
 * The token embedding `model.embed_tokens`. Of a tied model only `lm_head` may be stored; where both are, the embedding
 * is used, as in transformers.
 *
 * @param model A builder for the whole model.
 * @param config The model's configuration.
 */
export function tokenEmbedding(model: ModelBuilder, config: DecoderConfig): TokenEmbedding {
  const { vocabularySize, hiddenSize, tieWordEmbeddings: isTied } = config;
  const own = "model.embed_tokens.weight";
  const stored = isTied && !model.has(own) && model.has("lm_head.weight") ? "lm_head.weight" : own;
  const weight = model.matrix(stored, vocabularySize, hiddenSize, isTied);
  const hidden = model.activation("hidden", hiddenSize);
  return {
    weight,
    hidden,
    embed(pass) {
      const { symbols, stream, inputs, rows } = pass;
      pass.check(symbols.upbeat_embedding(stream, weight.handle, inputs.tokens, rows, hidden.pointer));
    },
  };
}

/**
 * The language model head `lm_head`, or the embedding's matrix where the two are tied.
 *
 * @param model A builder for the whole model.
 * @param config The model's configuration.
 * @param embedding The model's embedding.
 */
export function languageModelHead(model: ModelBuilder, config: DecoderConfig, embedding: TokenEmbedding): Head {
  const { vocabularySize, hiddenSize, tieWordEmbeddings: isTied } = config;
  const weight = isTied ? embedding.weight : model.matrix("lm_head.weight", vocabularySize, hiddenSize);
  const projection = { weight, bias: null };
  const logits = model.activation("logits", vocabularySize, "logitRows");
  return { logits, predict: (pass, normed) => project(pass, projection, normed, logits) };
}
