/**
 * Linear maps, alone or several of one input.
 *
 * @module
 */
import type { Activation, Projection } from "../memory_plan.ts";
import type { ModelBuilder, ModuleRows } from "../model_builder.ts";
import type { Ops } from "../ops.ts";

/** Adds a linear map of `input` to `sum`. */
export type ResidualLinear = (ops: Ops, input: Activation, sum: Activation) => void;

/** Computes several linear maps of `input`, side by side. */
export type StackedLinear = (ops: Ops, input: Activation) => void;

/**
 * A linear map whose result is added to the residual stream.
 *
 * @param module A builder for the module that has it.
 * @param map Its name and its number of outputs.
 * @param columns Elements of its input.
 * @param hasBias Whether it has a bias.
 */
export function residualLinear(
  module: ModelBuilder,
  map: ModuleRows,
  columns: number,
  hasBias: boolean,
): ResidualLinear {
  const [projection] = module.projections([map], columns, hasBias) as readonly [Projection];
  return (ops, input, sum) => ops.linear(projection, input, sum, sum);
}

/**
 * Linear maps of one input whose results are used together: q, k and v, or gate and up. Where their weights have one dtype
 * they are one matrix and one product; otherwise each matrix has a product of its own, and the results are joined.
 *
 * @param module A builder for the module that has them.
 * @param maps Their names and their numbers of outputs, in order.
 * @param columns Elements of their input.
 * @param hasBias Whether they have biases.
 * @param output Their results, `[tokens, all outputs]`.
 */
export function stackedLinear(
  module: ModelBuilder,
  maps: readonly ModuleRows[],
  columns: number,
  hasBias: boolean,
  output: Activation,
): StackedLinear {
  const projections = module.projections(maps, columns, hasBias);
  const [first, ...others] = projections as readonly [Projection, ...Projection[]];
  if (others.length > 0) return joinedLinear(module, projections, output);
  return (ops, input) => ops.linear(first, input, output, null);
}

/** A product writes whole rows, so each goes to a region of its own first. */
function joinedLinear(module: ModelBuilder, projections: readonly Projection[], output: Activation): StackedLinear {
  const widths = projections.map(({ weight }) => weight.rows);
  const unit = widths.reduce(greatestCommonDivisor);
  const regions = module.activation(`${output.name} by matrix`, output.columns);
  const indices = module.joinIndices(widths.map((width) => width / unit));
  let firstColumn = 0;
  const products = projections.map((projection, index) => {
    const region = module.region(regions, firstColumn, widths[index]!);
    firstColumn += widths[index]!;
    return { projection, region };
  });
  return (ops, input) => {
    for (const { projection, region } of products) ops.linear(projection, input, region, null);
    ops.joinRegions(regions, indices, unit, output);
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
