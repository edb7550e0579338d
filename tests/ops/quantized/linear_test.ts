import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UpbeatError } from "../../../errors.ts";
import { BLOCK_TYPES, type BlockTypeName, DTYPE, INPUT_DTYPE } from "../../../ffi/abi.ts";
import type { WeightHandle } from "../../../ffi/types.ts";
import { dequantize } from "../../support/models/quantized_blocks.ts";
import {
  ascending,
  fusedMultiplyAdd,
  linear,
  linearRounded,
  multiplyAndAdd,
} from "../../support/models/reference_ops.ts";
import { assertClose, assertSameBits, type OpBench, testOp } from "../op_bench.ts";
import { Random } from "../random.ts";
import { finiteBlocks } from "./random_blocks.ts";

const TYPES = Object.keys(BLOCK_TYPES) as BlockTypeName[];

function createWeight(
  bench: OpBench,
  type: BlockTypeName,
  bytes: Uint8Array,
  rows: number,
  columns: number,
  inputs: "F32" | "I8",
): WeightHandle {
  const weight = bench.device.createWeight(BLOCK_TYPES[type].dtype, rows, columns, INPUT_DTYPE[inputs]);
  using source = bench.pinned(bytes);
  bench.check(bench.symbols.upbeat_weight_upload(bench.stream, weight, 0, rows, source.pointer));
  bench.device.synchronize(bench.stream);
  return weight;
}

/** Inputs as the library rounds them: 32 at a time to integers of one scale. */
function roundedInputs(input: Float32Array): Float64Array {
  const rounded = new Float64Array(input.length);
  for (let start = 0; start < input.length; start += 32) {
    const step = input.subarray(start, start + 32);
    const largest = step.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    if (largest < 2 ** -119) continue;
    const factor = Math.fround(127 / largest), scale = Math.fround(largest / 127);
    for (const [i, value] of step.entries()) rounded[start + i] = nearest(Math.fround(value * factor)) * scale;
  }
  return rounded;
}

/** The nearest integer, ties to even. */
function nearest(value: number): number {
  const below = Math.floor(value), rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

/** Inputs of very different sizes, some steps of zeros. */
function variedInputs(random: Random, rows: number, columns: number): Float32Array {
  const input = random.floats(rows * columns);
  for (let start = 0; start < input.length; start += 32) {
    const size = random.pick([0, 1e-20, 0.01, 1, 1, 1, 300]);
    for (let i = start; i < start + 32; i++) input[i]! *= size;
  }
  return input;
}

testOp(
  "upbeat_linear() multiplies blocks of every type with int8 inputs, exactly but for the sums' rounding",
  (bench) => {
    if (bench.library !== "cpu") return;
    for (const [index, type] of TYPES.entries()) {
      const random = new Random(index), { columns: block } = BLOCK_TYPES[type];
      const outputs = random.pick([5, 32, 47]), columns = block * random.pick([1, 3]), rows = random.pick([1, 3, 40]);
      const bytes = finiteBlocks(type, (outputs * columns) / block, random);
      const weight = createWeight(bench, type, bytes, outputs, columns, "I8");
      const values = dequantize(type, bytes), input = variedInputs(random, rows, columns), exact = roundedInputs(input);
      const bias = random.floats(outputs), residual = random.floats(rows * outputs);
      const output = bench.output(rows * outputs);
      bench.check(bench.symbols.upbeat_linear(
        bench.stream,
        weight,
        bench.upload(input),
        bench.upload(bias),
        bench.upload(residual),
        rows,
        output.pointer,
      ));
      // Offsets and products cancel, so the bound is that of the sizes of both: at most 16 times an element here.
      const sizes = linear(
        values.map(Math.abs),
        columns,
        exact.map(Math.abs),
        bias.map(Math.abs),
        residual.map(Math.abs),
      );
      const most = values.reduce((size, value) => Math.max(size, Math.abs(value)), 0);
      const inputSums = Array.from({ length: rows }, (_, row) => {
        return exact.subarray(row * columns, (row + 1) * columns).reduce((sum, value) => sum + Math.abs(value), 0);
      });
      assertClose(
        bench.floats(output),
        linear(values, columns, exact, bias, residual),
        (_, i) => (columns / 8 + 8) * 2 ** -24 * (sizes[i]! + 4 * most * inputSums[Math.floor(i / outputs)]!),
        `${type} [${rows}, ${columns}] x [${outputs}, ${columns}], seed ${index}`,
      );
    }
  },
);

testOp("upbeat_linear() with F32 inputs multiplies the values of blocks, on the CPU bit for bit", (bench) => {
  for (const [index, type] of TYPES.entries()) {
    const random = new Random(100 + index), { columns: block } = BLOCK_TYPES[type];
    const outputs = random.pick([5, 47]), columns = block * random.pick([1, 5]), rows = random.pick([1, 3, 20]);
    const bytes = finiteBlocks(type, (outputs * columns) / block, random);
    const weight = createWeight(bench, type, bytes, outputs, columns, "F32");
    const values = Float32Array.from(dequantize(type, bytes)), input = random.floats(rows * columns);
    const output = bench.output(rows * outputs);
    const pointer = bench.upload(input);
    bench.check(bench.symbols.upbeat_linear(bench.stream, weight, pointer, null, null, rows, output.pointer));
    const what = `${type} [${rows}, ${columns}] x [${outputs}, ${columns}], seed ${100 + index}`;
    if (bench.library === "cpu") {
      const sums = ascending(bench.simd === "PORTABLE" ? multiplyAndAdd : fusedMultiplyAdd);
      assertSameBits(bench.floats(output), linearRounded(values, columns, input, null, null, sums), what);
    } else {
      // Weights are rounded to BF16.
      const sizes = linear(values.map(Math.abs), columns, input.map(Math.abs), null, null);
      const expected = linear(values, columns, input, null, null);
      assertClose(bench.floats(output), expected, (_, i) => 2 ** -8 * sizes[i]!, what);
    }
  }
});

testOp(
  "upbeat_linear() of int8 inputs has the same bits for a row alone, in a batch, and in any part of it",
  (bench) => {
    if (bench.library !== "cpu") return;
    for (const [index, type] of (["Q8_0", "Q4_0", "Q4_K", "Q6_K", "IQ4_XS", "Q5_1"] as const).entries()) {
      const random = new Random(index), { columns: block } = BLOCK_TYPES[type];
      const rows = random.integer(130, 200), outputs = random.integer(50, 150), columns = Math.max(block, 96);
      const bytes = finiteBlocks(type, (outputs * columns) / block, random);
      const weight = createWeight(bench, type, bytes, outputs, columns, "I8");
      const input = random.floats(rows * columns);
      const compute = (first: number, count: number) => {
        const output = bench.output(count * outputs);
        const part = bench.upload(input.subarray(first * columns, (first + count) * columns));
        bench.check(bench.symbols.upbeat_linear(bench.stream, weight, part, null, null, count, output.pointer));
        return bench.floats(output);
      };
      const whole = compute(0, rows);
      assert(whole.every(Number.isFinite));
      for (const count of [1, 2, 16, 64, 129]) {
        const first = random.integer(0, rows - count);
        const expected = whole.subarray(first * outputs, (first + count) * outputs);
        assertSameBits(compute(first, count), expected, `rows ${first} to ${first + count} of ${rows}, ${type}`);
      }
    }
  },
);

testOp("upbeat_linear() of int8 inputs gives NaN for a row that is not finite, and for no other", (bench) => {
  if (bench.library !== "cpu") return;
  const random = new Random(3), outputs = 33, columns = 64;
  const weight = createWeight(bench, "Q4_0", finiteBlocks("Q4_0", outputs * 2, random), outputs, columns, "I8");
  const input = random.floats(4 * columns);
  input[columns + 5] = NaN;
  input[2 * columns + 40] = -Infinity;
  const output = bench.output(4 * outputs);
  bench.check(
    bench.symbols.upbeat_linear(bench.stream, weight, bench.upload(input), null, null, 4, output.pointer),
  );
  for (const [i, value] of bench.floats(output).entries()) {
    const row = Math.floor(i / outputs);
    assertEquals(Number.isNaN(value), row === 1 || row === 2, `row ${row}, element ${i}: ${value}`);
  }
});

testOp("upbeat_weight_create() refuses int8 inputs of weights that are not block-quantized", (bench) => {
  const error = assertThrows(() => bench.device.createWeight(DTYPE.BF16, 4, 32, INPUT_DTYPE.I8), UpbeatError);
  assertEquals(error.code, "DEVICE_UNAVAILABLE");
  assertStringIncludes(error.message, "BF16 weights with I8 inputs");
});
