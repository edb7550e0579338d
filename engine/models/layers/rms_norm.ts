/**
 * Root mean square normalization (Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467).
 *
 * @module
 */
import type { DecoderConfig } from "../config/decoder_config.ts";
import type { ForwardPass } from "../forward_pass.ts";
import type { Activation } from "../memory_plan.ts";
import type { ModelBuilder } from "../model_builder.ts";

/** Normalizes rows; the result is valid until the next norm. */
export type RmsNorm = (pass: ForwardPass, input: Activation) => Activation;

/**
 * RMSNorm of the residual stream: x / sqrt(mean(x^2) + epsilon) * weight.
 *
 * @param module A builder for the norm's weight.
 * @param config The model's configuration.
 */
export function rmsNorm(module: ModelBuilder, config: DecoderConfig): RmsNorm {
  const { hiddenSize, rmsNormEpsilon: epsilon } = config;
  const weight = module.vector(["weight", hiddenSize]);
  const normed = module.activation("normed", hiddenSize);
  return (pass, input) => {
    const { symbols, stream, rows } = pass;
    pass.check(
      symbols.upbeat_rms_norm(stream, input.pointer, weight.pointer, epsilon, rows, hiddenSize, normed.pointer),
    );
    return normed;
  };
}
