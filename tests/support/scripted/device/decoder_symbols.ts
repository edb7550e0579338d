/**
 * The ops of a decoder that pass rows on; the ops on the KV cache are in `attention_symbols.ts`.
 *
 * @module
 */
import { STATUS, type Symbols } from "../../../../ffi/abi.ts";
import { checkNotNegative, checkPositive, refuse, WorkFault } from "./checks.ts";
import { checkDisjoint, type Operand } from "./memory.ts";
import type { DeviceState } from "./state.ts";
import { Stream } from "./stream.ts";
import { ROW } from "./toy_model.ts";
import { Weight } from "./weight.ts";

/** @throws {CallError} If a row is too short for its token and hash. */
export function checkColumns(argument: string, columns: number): void {
  checkPositive(argument, columns);
  if (columns < ROW.LENGTH) refuse(`${argument}: a row of the scripted model needs ${ROW.LENGTH}, has ${columns}`);
}

/** Copies the token and the hash of a row. */
export function copyRow(source: Operand, sourceElement: number, target: Operand, targetElement: number): void {
  const from = source.at + sourceElement;
  const to = target.at + targetElement;
  for (let index = 0; index < ROW.LENGTH; index++) target.ints[to + index] = source.ints[from + index]!;
}

/** Writes the token and the hash of a row. */
export function writeRow(target: Operand, element: number, token: number, hash: number): void {
  target.ints[target.at + element + ROW.TOKEN] = token;
  target.ints[target.at + element + ROW.HASH] = hash;
}

/** The ops, by name. */
export function decoderSymbols(state: DeviceState) {
  const { memory } = state;
  const streamOf = (handle: number) => state.get("stream", handle, Stream);

  const weightOf = (handle: number): Weight => {
    const weight = state.get("weight", handle, Weight);
    weight.checkComplete();
    checkColumns("columns of the weight", weight.columns);
    checkColumns("rows of the weight", weight.rows);
    return weight;
  };

  return {
    upbeat_embedding: state.guard("upbeat_embedding", (streamHandle, weightHandle, tokens, rows, output) => {
      const stream = streamOf(streamHandle);
      const weight = weightOf(weightHandle);
      checkNotNegative("rows", rows);
      const ids = memory.operand("tokens", tokens, rows);
      const target = memory.operand("output", output, rows * weight.columns);
      const run = () => {
        for (let row = 0; row < rows; row++) {
          const id = ids.ints[ids.at + row]!;
          if (id >= weight.rows) throw new WorkFault(`token ${id} of row ${row} is outside the ${weight.rows} rows`);
          writeRow(target, row * weight.columns, id < 0 ? 0 : id + 1, 0);
        }
      };
      stream.isForwardDue = true;
      if (rows > 0) stream.enqueue({ name: "upbeat_embedding", duration: 0, operands: [ids, target], run });
      return STATUS.OK;
    }),

    upbeat_rms_norm: state.guard(
      "upbeat_rms_norm",
      (streamHandle, input, weight, epsilon, rows, columns, output) => {
        const stream = streamOf(streamHandle);
        if (!(Number.isFinite(epsilon) && epsilon >= 0)) refuse(`epsilon: must be finite and not negative`);
        checkNotNegative("rows", rows);
        checkColumns("columns", columns);
        const source = memory.operand("input", input, rows * columns);
        const gain = memory.operand("weight", weight, columns);
        const target = memory.operand("output", output, rows * columns);
        if (input !== output) checkDisjoint("output", target, "input", source, rows * columns * 4);
        const run = () => {
          for (let row = 0; row < rows; row++) copyRow(source, row * columns, target, row * columns);
        };
        if (rows > 0) stream.enqueue({ name: "upbeat_rms_norm", duration: 0, operands: [source, gain, target], run });
        return STATUS.OK;
      },
    ),

    upbeat_linear: state.guard(
      "upbeat_linear",
      (streamHandle, weightHandle, input, bias, residual, rows, output) => {
        const stream = streamOf(streamHandle);
        const weight = weightOf(weightHandle);
        checkNotNegative("rows", rows);
        const source = memory.operand("input", input, rows * weight.columns);
        const added = memory.operandOrNull("bias", bias, weight.rows);
        const old = memory.operandOrNull("residual", residual, rows * weight.rows);
        const target = memory.operand("output", output, rows * weight.rows);
        checkDisjoint("output", target, "input", source, rows * weight.rows * 4, rows * weight.columns * 4);
        const run = () => {
          for (let row = 0; row < rows; row++) {
            if (old !== null) checkResidual(old, row * weight.rows, source, row * weight.columns, row);
            copyRow(source, row * weight.columns, target, row * weight.rows);
          }
        };
        if (rows > 0) {
          stream.enqueue({ name: "upbeat_linear", duration: 0, operands: [source, added, old, target], run });
        }
        return STATUS.OK;
      },
    ),

    // The scripted model does not rotate: the table is not written, only its arguments are checked.
    upbeat_rotary_table: state.guard(
      "upbeat_rotary_table",
      (streamHandle, inverseFrequencies, scale, positions, headDim, table) => {
        const stream = streamOf(streamHandle);
        if (!Number.isFinite(scale)) refuse(`scale: must be finite, is ${scale}`);
        checkPositive("positions", positions);
        checkPositive("head_dim", headDim);
        const source = memory.range("inverse_frequencies", inverseFrequencies, (headDim / 2) * 8, "host");
        const target = memory.operand("table", table, positions * headDim);
        stream.enqueue({ name: "upbeat_rotary_table", duration: 0, operands: [source, target], run: () => {} });
        return STATUS.OK;
      },
    ),

    upbeat_silu_multiply: state.guard("upbeat_silu_multiply", (streamHandle, gateUp, rows, columns, output) => {
      const stream = streamOf(streamHandle);
      checkNotNegative("rows", rows);
      checkColumns("columns", columns);
      const source = memory.operand("gate_up", gateUp, 2 * rows * columns);
      const target = memory.operand("output", output, rows * columns);
      checkDisjoint("output", target, "gate_up", source, rows * columns * 4, rows * columns * 8);
      const run = () => {
        for (let row = 0; row < rows; row++) copyRow(source, 2 * row * columns, target, row * columns);
      };
      if (rows > 0) stream.enqueue({ name: "upbeat_silu_multiply", duration: 0, operands: [source, target], run });
      return STATUS.OK;
    }),

    upbeat_gather_rows: state.guard(
      "upbeat_gather_rows",
      (streamHandle, input, indices, inputRows, rows, columns, output) => {
        const stream = streamOf(streamHandle);
        checkNotNegative("input_rows", inputRows);
        checkNotNegative("rows", rows);
        checkColumns("columns", columns);
        const source = memory.operand("input", input, inputRows * columns);
        const indexOperand = memory.operand("indices", indices, rows);
        const target = memory.operand("output", output, rows * columns);
        checkDisjoint("output", target, "input", source, rows * columns * 4, inputRows * columns * 4);
        const run = () => {
          for (let row = 0; row < rows; row++) {
            const index = indexOperand.ints[indexOperand.at + row]!;
            if (index >= inputRows) throw new WorkFault(`index ${index} of row ${row} is outside ${inputRows} rows`);
            if (index < 0) writeRow(target, row * columns, 0, 0);
            else copyRow(source, index * columns, target, row * columns);
          }
        };
        if (rows > 0) {
          stream.enqueue({ name: "upbeat_gather_rows", duration: 0, operands: [source, indexOperand, target], run });
        }
        return STATUS.OK;
      },
    ),
  } satisfies Partial<Symbols>;

  /** Checks that the output added to the residual stream is of the same token. */
  function checkResidual(old: Operand, oldElement: number, source: Operand, sourceElement: number, row: number): void {
    const before = old.ints[old.at + oldElement + ROW.TOKEN]!;
    const added = source.ints[source.at + sourceElement + ROW.TOKEN]!;
    if (before !== 0 && before !== added) {
      state.violate(
        `upbeat_linear: row ${row} adds the output for token ${added - 1} to the residual of token ${before - 1}`,
      );
    }
  }
}
