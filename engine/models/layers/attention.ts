/**
 * Self-attention with grouped queries (Ainslie et al. 2023, https://arxiv.org/abs/2305.13245) over the paged KV cache.
 *
 * @module
 */
import type { DecoderConfig } from "../config/decoder_config.ts";
import type { ForwardPass } from "../forward_pass.ts";
import type { Activation, RotaryTable } from "../memory_plan.ts";
import type { ModelBuilder } from "../model_builder.ts";
import { project, stackedLinear } from "./linear.ts";

/** The attention of one layer, without its norm. */
export interface Attention {
  /** The result of the heads. `[tokens, heads * headDim]` */
  readonly attended: Activation;
  /** Compute {@linkcode attended} from normalized rows, all of a step's. */
  attend(pass: ForwardPass, normed: Activation): void;
  /** Add the output projection of `attended` to the residual stream. */
  project(pass: ForwardPass, attended: Activation, hidden: Activation): void;
}

/** What differs between families; a page omits what its family does not have. */
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
export function attention(module: ModelBuilder, config: DecoderConfig, features: AttentionFeatures): Attention {
  const { hiddenSize, heads, kvHeads, headDim } = config;
  const { rotary, slidingWindow, qkvBias = false, outputBias = false, headNorm } = features;
  const [querySize, kvSize] = [heads * headDim, kvHeads * headDim];
  const scale = 1 / Math.sqrt(headDim);
  const qkv = module.activation("qkv", querySize + 2 * kvSize);
  const attended = module.activation("attended", querySize);
  const cache = module.kvCache(kvHeads, headDim);
  const projectQkv = stackedLinear(
    module,
    [["q_proj", querySize], ["k_proj", kvSize], ["v_proj", kvSize]],
    hiddenSize,
    qkvBias,
    qkv,
  );
  const queryNorm = headNorm && module.vector(["q_norm.weight", headDim]);
  const keyNorm = headNorm && module.vector(["k_norm.weight", headDim]);
  const output = module.projection(["o_proj", hiddenSize], querySize, outputBias);
  return {
    attended,
    attend(pass, normed) {
      const { symbols, stream, inputs, rows, cacheDtype, blockSize } = pass;
      projectQkv(pass, normed);
      pass.check(symbols.upbeat_rotary_cache(
        stream,
        qkv.pointer,
        inputs.positions,
        inputs.slotMapping,
        rotary.pointer,
        queryNorm?.pointer ?? null,
        keyNorm?.pointer ?? null,
        headNorm?.epsilon ?? 0,
        rows,
        heads,
        kvHeads,
        headDim,
        cache.keys.pointer,
        cache.values.pointer,
        cacheDtype,
        blockSize,
      ));
      pass.check(symbols.upbeat_attention(
        stream,
        qkv.pointer,
        qkv.columns,
        cache.keys.pointer,
        cache.values.pointer,
        cacheDtype,
        inputs.blockTables,
        inputs.maxBlocks,
        inputs.queryStarts,
        inputs.sequenceLengths,
        pass.requests,
        rows,
        heads,
        kvHeads,
        headDim,
        blockSize,
        scale,
        slidingWindow ?? 0,
        attended.pointer,
      ));
    },
    project: (pass, attended, hidden) => project(pass, output, attended, hidden, hidden),
  };
}
