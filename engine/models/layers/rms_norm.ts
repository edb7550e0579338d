/**
 * Root mean square normalization (Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467).
 *
 * @module
 */
import type { Activation } from "../memory_plan.ts";
import type { ModelBuilder } from "../model_builder.ts";
import type { Ops } from "../ops.ts";

/** Normalizes rows; the result is valid until the next norm. */
export type RmsNorm = (ops: Ops, input: Activation) => Activation;

/**
 * RMSNorm of the residual stream: x / sqrt(mean(x^2) + epsilon) * weight.
 *
 * @param module A builder for the norm's weight.
 * @param config The model's configuration.
 */
export function rmsNorm(
  module: ModelBuilder,
  config: { readonly hiddenSize: number; readonly rmsNormEpsilon: number },
): RmsNorm {
  const { hiddenSize, rmsNormEpsilon: epsilon } = config;
  const weight = module.vector(["weight", hiddenSize]);
  const normed = module.activation("normed", hiddenSize);
  return (ops, input) => {
    ops.rmsNorm(input, weight, epsilon, normed);
    return normed;
  };
}
