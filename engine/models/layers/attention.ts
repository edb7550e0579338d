/**
 * Self-attention with grouped queries (Ainslie et al. 2023, https://arxiv.org/abs/2305.13245) over the paged KV cache.
 *
 * @module
 */
import type { Activation, RotaryTable } from "../memory_plan.ts";
import type { ModelBuilder } from "../model_builder.ts";
import type { AttentionOp, Ops } from "../ops.ts";
import { residualLinear, stackedLinear } from "./linear.ts";

/** The attention of one layer, without its norm. */
export interface Attention {
  /** What the heads attend to. `[tokens, heads * headDim]` */
  readonly attended: Activation;
  /** Compute {@linkcode attended} from normalized rows, all of a step's. */
  attend(ops: Ops, normed: Activation): void;
  /** Add the output projection of `attended` to the residual stream, for these or for some of the rows. */
  project(ops: Ops, attended: Activation, hidden: Activation): void;
}

/** What attention is made of in every family. */
export interface AttentionConfig {
  readonly hiddenSize: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** What a family's attention has; a page leaves out what its family has not. */
export interface AttentionFeatures {
  /** The rotary embedding. */
  readonly rotary: RotaryTable;
  /** How many of the latest positions a token sees, itself included; null: all. */
  readonly slidingWindow?: number | null;
  /** Biases on q, k and v. */
  readonly qkvBias?: boolean;
  /** A bias on the output projection. */
  readonly outputBias?: boolean;
  /** RMSNorm of each query and key head before the rotary embedding: `q_norm`, `k_norm`. */
  readonly headNorm?: { readonly epsilon: number };
}

/**
 * Self-attention.
 *
 * @param module A builder for its weights: `q_proj`, `k_proj`, `v_proj`, `o_proj`.
 * @param config The model's configuration.
 * @param features What the family's attention has.
 */
export function attention(module: ModelBuilder, config: AttentionConfig, features: AttentionFeatures): Attention {
  const { hiddenSize, heads, kvHeads, headDim } = config;
  const { rotary, slidingWindow = null, qkvBias = false, outputBias = false, headNorm } = features;
  const [querySize, kvSize] = [heads * headDim, kvHeads * headDim];
  const op: AttentionOp = {
    heads,
    kvHeads,
    headDim,
    qkv: module.activation("qkv", querySize + 2 * kvSize),
    rotaryTable: rotary,
    cache: module.kvCache(kvHeads, headDim),
    headNorm: headNorm === undefined ? null : {
      query: module.vector(["q_norm.weight", headDim]),
      key: module.vector(["k_norm.weight", headDim]),
      epsilon: headNorm.epsilon,
    },
    scale: 1 / Math.sqrt(headDim),
    slidingWindow: slidingWindow ?? 0,
    output: module.activation("attended", querySize),
  };
  const projectQkv = stackedLinear(
    module,
    [["q_proj", querySize], ["k_proj", kvSize], ["v_proj", kvSize]],
    hiddenSize,
    qkvBias,
    op.qkv,
  );
  const projectOutput = residualLinear(module, ["o_proj", hiddenSize], querySize, outputBias);
  return {
    attended: op.output,
    attend(ops, normed) {
      projectQkv(ops, normed);
      ops.rotaryCache(op);
      ops.attention(op);
    },
    project: projectOutput,
  };
}
