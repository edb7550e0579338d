/**
 * Frequencies of the rotary position embedding (Su et al. 2021, https://arxiv.org/abs/2104.09864), with the scalings of
 * `modeling_rope_utils.py` in transformers.
 *
 * @module
 */
import type { RopeConfig, RopeScaling } from "./config/rope_config.ts";

/**
 * The angle by which each pair of a head's elements is rotated per position.
 *
 * Computed in double precision throughout; transformers rounds the result to float32.
 *
 * @param config A model's head size and rotary embedding.
 * @returns Radians per position, F64 `[headDim / 2]`, falling; pair i is elements i and i + headDim / 2.
 * @example
 * ```ts
 * inverseFrequencies({ headDim: 4, rope: { theta: 10000, scaling: { type: "none" } } }); // [1, 0.01]
 * ```
 */
export function inverseFrequencies(config: { readonly headDim: number; readonly rope: RopeConfig }): Float64Array {
  const { headDim, rope } = config;
  return Float64Array.from(
    { length: headDim / 2 },
    (_, pair) => scale(1 / rope.theta ** ((2 * pair) / headDim), rope.scaling, pair),
  );
}

/** One frequency after scaling (`_compute_linear_scaling_rope_parameters`, `_compute_llama3_parameters`). */
function scale(frequency: number, scaling: RopeScaling, pair: number): number {
  switch (scaling.type) {
    case "none":
      return frequency;
    case "linear":
      return frequency / scaling.factor;
    case "factors":
      return frequency / scaling.factors[pair]!;
    case "llama3": {
      const { factor, lowFrequencyFactor, highFrequencyFactor, originalMaxPositions } = scaling;
      const wavelength = (2 * Math.PI) / frequency;
      // Rotations within the original context: many for a high frequency, less than one for a very low one.
      const turns = originalMaxPositions / wavelength;
      if (turns > highFrequencyFactor) return frequency;
      if (turns < lowFrequencyFactor) return frequency / factor;
      const smooth = (turns - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
      return (1 - smooth) * (frequency / factor) + smooth * frequency;
    }
  }
}
