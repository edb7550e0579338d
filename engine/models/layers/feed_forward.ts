/**
 * The gated feed-forward network (Shazeer 2020, https://arxiv.org/abs/2002.05202): down(silu(gate(x)) * up(x)).
 *
 * @module
 */
import type { Activation } from "../memory_plan.ts";
import type { ModelBuilder } from "../model_builder.ts";
import type { Ops } from "../ops.ts";
import { residualLinear, stackedLinear } from "./linear.ts";

/** Adds to the residual stream `hidden` what the network makes of normalized rows. */
export type FeedForward = (ops: Ops, normed: Activation, hidden: Activation) => void;

/**
 * A feed-forward network with a SiLU gate.
 *
 * @param module A builder for its weights: `gate_proj`, `up_proj`, `down_proj`.
 * @param config The model's configuration.
 * @param features What not every family has: `bias`, on all three maps.
 */
export function gatedFeedForward(
  module: ModelBuilder,
  config: { readonly hiddenSize: number; readonly ffnSize: number },
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
  const projectDown = residualLinear(module, ["down_proj", hiddenSize], ffnSize, bias);
  return (ops, normed, hidden) => {
    projectGateUp(ops, normed);
    ops.siluMultiply(gateUp, gated);
    projectDown(ops, gated, hidden);
  };
}
