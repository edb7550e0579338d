/**
 * The gated feed-forward network (Shazeer 2020, https://arxiv.org/abs/2002.05202): down(silu(gate(x)) * up(x)).
 *
 * @module
 */
import type { DecoderConfig } from "../config/decoder_config.ts";
import type { ForwardPass } from "../forward_pass.ts";
import type { Activation } from "../memory_plan.ts";
import type { ModelBuilder } from "../model_builder.ts";
import { project, stackedLinear } from "./linear.ts";

/** Adds the network's result for normalized rows to the residual stream. */
export type FeedForward = (pass: ForwardPass, normed: Activation, hidden: Activation) => void;

/**
 * A feed-forward network with a SiLU gate.
 *
 * @param module A builder for its weights: `gate_proj`, `up_proj`, `down_proj`.
 * @param config The model's configuration.
 * @param features What not every family has: `bias`, on all three maps.
 */
export function gatedFeedForward(
  module: ModelBuilder,
  config: DecoderConfig,
  { bias = false }: { readonly bias?: boolean } = {},
): FeedForward {
  const { hiddenSize, ffnSize } = config;
  const gateUp = module.activation("gateUp", 2 * ffnSize);
  const gated = module.activation("gated", ffnSize);
  const projectGateUp = stackedLinear(
    module,
    [["gate_proj", ffnSize], ["up_proj", ffnSize]],
    hiddenSize,
    bias,
    gateUp,
  );
  const down = module.projection(["down_proj", hiddenSize], ffnSize, bias);
  return (pass, normed, hidden) => {
    projectGateUp(pass, normed);
    pass.check(
      pass.symbols.upbeat_silu_multiply(pass.stream, gateUp.pointer, pass.rows, ffnSize, gated.pointer),
    );
    project(pass, down, gated, hidden, hidden);
  };
}
