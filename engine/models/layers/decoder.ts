/**
 * What all decoders have in common: an embedding, layers, a last norm, and the head.
 *
 * @module
 */
import type { Activation } from "../memory_plan.ts";
import type { ModelBuilder } from "../model_builder.ts";
import type { Ops } from "../ops.ts";
import type { TokenEmbedding } from "./embedding.ts";
import type { Head } from "./head.ts";
import type { RmsNorm } from "./rms_norm.ts";

/** A model's forward pass. */
export interface Network {
  /** Logits of the rows that are wanted. F32 `[logit rows, vocabulary]` */
  readonly logits: Activation;

  /**
   * Enqueue one forward pass over the step that lies in the inputs.
   *
   * @param ops Ops whose step was begun.
   * @throws {UpbeatError} `DEVICE_INVALID_ARGUMENT` or `DEVICE_FAULT`.
   */
  forward(ops: Ops): void;
}

/** One layer, in two parts: the first needs all rows of a step, the second is for each row its own. */
export interface DecoderLayer {
  /** What the first part computes. `[tokens, columns]` */
  readonly mixed: Activation;

  /**
   * Compute {@linkcode mixed} from the residual stream, as attention does.
   *
   * @param ops Ops on all rows of a step.
   * @param hidden The residual stream. `[tokens, hiddenSize]`
   */
  mix(ops: Ops, hidden: Activation): void;

  /**
   * Add to the residual stream what the layer makes of it.
   *
   * @param ops Ops on all rows of a step, or on some of them.
   * @param hidden The residual stream of these rows, changed in place.
   * @param mixed What the first part computed, of these rows.
   */
  finish(ops: Ops, hidden: Activation, mixed: Activation): void;
}

/** What a decoder is made of. */
export interface DecoderParts {
  readonly embedding: TokenEmbedding;
  /** At least one. */
  readonly layers: readonly DecoderLayer[];
  readonly norm: RmsNorm;
  readonly head: Head;
}

/**
 * Compose a decoder.
 *
 * Past the mixing of the last layer only the rows whose logits are wanted are computed; a step that wants none, the middle of
 * a long prompt, ends there.
 *
 * @param model Declares the activations.
 * @param parts Its parts.
 * @returns Its forward pass.
 */
export function decoder(model: ModelBuilder, { embedding, layers, norm, head }: DecoderParts): Network {
  const hidden = embedding.output;
  const inner = layers.slice(0, -1);
  const last = layers.at(-1)!;
  const selectedHidden = model.activation("selectedHidden", hidden.columns, "logitRows");
  const selectedMixed = model.activation("selectedMixed", last.mixed.columns, "logitRows");
  return {
    logits: head.logits,
    forward(ops) {
      embedding.embed(ops);
      for (const layer of inner) {
        layer.mix(ops, hidden);
        layer.finish(ops, hidden, layer.mixed);
      }
      last.mix(ops, hidden);
      if (ops.logitRows === 0) return;
      ops.gatherLogitRows(hidden, selectedHidden);
      ops.gatherLogitRows(last.mixed, selectedMixed);
      ops.rows = ops.logitRows;
      last.finish(ops, selectedHidden, selectedMixed);
      head.project(ops, norm(ops, selectedHidden));
    },
  };
}
