/**
 * What all decoders have in common: an embedding, layers, a last norm, and the head.
 *
 * @module
 */
import type { DecoderConfig } from "../config/decoder_config.ts";
import type { ForwardPass } from "../forward_pass.ts";
import type { Activation } from "../memory_plan.ts";
import type { ModelBuilder } from "../model_builder.ts";
import { languageModelHead, tokenEmbedding } from "./embeddings.ts";
import { rmsNorm } from "./rms_norm.ts";

/** The network of a model. */
export interface Network {
  /** Logits of the logit rows. F32 `[logit rows, vocabulary]` */
  readonly logits: Activation;

  /**
   * Enqueue one forward pass over the step in the input buffers.
   *
   * @param pass The step.
   * @throws {UpbeatError} `DEVICE_INVALID_ARGUMENT` or `DEVICE_FAULT`.
   */
  forward(pass: ForwardPass): void;
}

/** A layer in two parts: the first mixes tokens and needs all rows of a step, the second works on each row alone. */
export interface DecoderLayer {
  /** The result of the first part. `[tokens, columns]` */
  readonly mixed: Activation;

  /**
   * Compute {@linkcode mixed}, as attention does.
   *
   * @param pass The forward pass, on all rows.
   * @param hidden The residual stream. `[tokens, hiddenSize]`
   */
  mix(pass: ForwardPass, hidden: Activation): void;

  /**
   * Update the residual stream.
   *
   * @param pass The forward pass, on all rows or on the logit rows.
   * @param hidden The residual stream of these rows, changed in place.
   * @param mixed The result of the first part, of these rows.
   */
  finish(pass: ForwardPass, hidden: Activation, mixed: Activation): void;
}

/**
 * A decoder: `model.embed_tokens`, `model.layers`, `model.norm`, `lm_head`.
 *
 * After the mixing of the last layer only the logit rows are computed; a step without any, the middle of a long
 * prompt, ends there.
 *
 * @param model A builder for the whole model.
 * @param config The model's configuration.
 * @param composeLayer Makes a layer, given a builder for its weights.
 * @returns Its network.
 */
export function decoder(
  model: ModelBuilder,
  config: DecoderConfig,
  composeLayer: (layer: ModelBuilder, index: number) => DecoderLayer,
): Network {
  const embedding = tokenEmbedding(model, config);
  const layers = model.layers("model.layers", config.layers, composeLayer);
  const norm = rmsNorm(model.at("model.norm"), config);
  const head = languageModelHead(model, config, embedding);

  const { hidden } = embedding;
  const [inner, last] = [layers.slice(0, -1), layers.at(-1)!];
  const selectedHidden = model.activation("selectedHidden", hidden.columns, "logitRows");
  const selectedMixed = model.activation("selectedMixed", last.mixed.columns, "logitRows");
  return {
    logits: head.logits,
    forward(pass) {
      embedding.embed(pass);
      for (const layer of inner) {
        layer.mix(pass, hidden);
        layer.finish(pass, hidden, layer.mixed);
      }
      last.mix(pass, hidden);
      if (pass.logitRows === 0) return;
      selectLogitRows(pass, hidden, selectedHidden);
      selectLogitRows(pass, last.mixed, selectedMixed);
      pass.rows = pass.logitRows;
      last.finish(pass, selectedHidden, selectedMixed);
      head.predict(pass, norm(pass, selectedHidden));
    },
  };
}

function selectLogitRows(pass: ForwardPass, input: Activation, output: Activation): void {
  const { symbols, stream, inputs, tokens, logitRows } = pass;
  pass.check(symbols.upbeat_gather_rows(
    stream,
    input.pointer,
    inputs.logitRows,
    tokens,
    logitRows,
    input.columns,
    output.pointer,
  ));
}
