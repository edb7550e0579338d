/**
 * The layer of a pre-norm transformer (Xiong et al. 2020, https://arxiv.org/abs/2002.04745):
 * x += attention(norm(x)), then x += feedForward(norm(x)).
 *
 * @module
 */
import type { Attention } from "./attention.ts";
import type { DecoderLayer } from "./decoder.ts";
import type { FeedForward } from "./feed_forward.ts";
import type { RmsNorm } from "./rms_norm.ts";

/** The parts of a pre-norm layer, in the order in which they run. */
export interface PreNormParts {
  readonly inputNorm: RmsNorm;
  readonly attention: Attention;
  readonly postAttentionNorm: RmsNorm;
  readonly feedForward: FeedForward;
}

/**
 * A pre-norm layer.
 *
 * @param parts Its parts.
 */
export function preNormLayer({ inputNorm, attention, postAttentionNorm, feedForward }: PreNormParts): DecoderLayer {
  return {
    mixed: attention.attended,
    mix(pass, hidden) {
      attention.attend(pass, inputNorm(pass, hidden));
    },
    finish(pass, hidden, attended) {
      attention.project(pass, attended, hidden);
      feedForward(pass, postAttentionNorm(pass, hidden), hidden);
    },
  };
}
