/**
 * Linear maps, alone or several of one input.
 *
 * @module
 */
import type { ForwardPass } from "../forward_pass.ts";
import type { Activation, Place, Projection } from "../memory_plan.ts";
import type { ModelBuilder, ModuleRows } from "../model_builder.ts";

/**
 * Enqueue output = projection(input), plus residual.
 *
 * @param pass The forward pass; its `rows` are computed.
 * @param projection The linear map.
 * @param input `[rows, columns of the weight]`
 * @param output `[rows, rows of the weight]`
 * @param residual Added to the result; may be `output`.
 */
export function project(
  pass: ForwardPass,
  { weight, bias }: Projection,
  input: Place,
  output: Place,
  residual: Place | null = null,
): void {
  pass.check(pass.symbols.upbeat_linear(
    pass.stream,
    weight.handle,
    input.pointer,
    bias?.pointer ?? null,
    residual?.pointer ?? null,
    pass.rows,
    output.pointer,
  ));
}

/**
 * Linear maps of one input whose results are used together: q, k and v, or gate and up. Where their weights have one
 * dtype they are one matrix and one product; otherwise each matrix has a product of its own, and the results are
 * joined.
 *
 * @param module A builder for the module that has them.
 * @param maps Their names and their numbers of outputs, in order.
 * @param columns Elements of their input.
 * @param hasBias Whether they have biases.
 * @param output Their results, `[tokens, all outputs]`.
 * @returns Enqueues them.
 */
export function stackedLinear(
  module: ModelBuilder,
  maps: readonly ModuleRows[],
  columns: number,
  hasBias: boolean,
  output: Activation,
): (pass: ForwardPass, input: Activation) => void {
  const projections = module.projections(maps, columns, hasBias);
  const [first, ...others] = projections as readonly [Projection, ...Projection[]];
  if (others.length === 0) return (pass, input) => project(pass, first, input, output);

  // A product writes whole rows, so each goes to a place of its own, from where the rows are gathered unit by unit.
  const joint = module.joint(projections.map(({ weight }) => weight.rows));
  const products = projections.map((projection, index) => ({ projection, part: joint.parts[index]! }));
  const { unit, units } = joint;
  return (pass, input) => {
    for (const { projection, part } of products) project(pass, projection, input, part);
    const { symbols, stream, maxTokens, rows } = pass;
    pass.check(symbols.upbeat_gather_rows(
      stream,
      joint.pointer,
      joint.indices.pointer,
      maxTokens * units,
      rows * units,
      unit,
      output.pointer,
    ));
  };
}
