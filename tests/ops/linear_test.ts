import { assert } from "@std/assert";
import type { DtypeName, SimdName } from "../../ffi/abi.ts";
import {
  ascending,
  fusedMultiplyAdd,
  linear,
  linearRounded,
  multiplyAndAdd,
  type SumOfProducts,
  tileByTile,
} from "../support/reference_ops.ts";
import { assertClose, assertSameBits, type OpBench, testOp } from "./op_bench.ts";
import { forCases, Random } from "./random.ts";

/** How the kernels of an instruction set add up. */
function order(simd: SimdName, dtype: DtypeName): SumOfProducts {
  if (simd === "AMX" && dtype === "BF16") return tileByTile;
  // In software a fused multiply-add would be slower by orders of magnitude.
  return ascending(simd === "PORTABLE" ? multiplyAndAdd : fusedMultiplyAdd);
}

/** Compare one linear call with random operands, with or without bias and residual. */
function compare(
  bench: OpBench,
  random: Random,
  dtype: DtypeName,
  rows: number,
  outputs: number,
  columns: number,
): void {
  const weight = bench.weight(random.floats(outputs * columns), columns, dtype);
  const input = random.floats(rows * columns, 3);
  const bias = random.pick([null, random.floats(outputs)]);
  const residual = random.pick([null, random.floats(rows * outputs)]);
  const inPlace = residual !== null && random.pick([true, false]);
  const output = bench.output(rows * outputs);
  if (inPlace) {
    const source = bench.upload(residual);
    bench.check(
      bench.symbols.upbeat_copy_on_device(bench.stream, output.pointer, source, rows * outputs * 4),
    );
  }
  const residualPointer = residual === null ? null : inPlace ? output.pointer : bench.upload(residual);
  bench.check(bench.symbols.upbeat_linear(
    bench.stream,
    weight.handle,
    bench.upload(input),
    bias === null ? null : bench.upload(bias),
    residualPointer,
    rows,
    output.pointer,
  ));
  const what = `${dtype} [${rows}, ${columns}] x [${outputs}, ${columns}]`;
  const actual = bench.floats(output);
  // Tensor cores do not say in which order they add.
  if (bench.library === "cpu") {
    const sums = order(bench.simd, dtype);
    assertSameBits(actual, linearRounded(weight.values, columns, input, bias, residual, sums), what);
  }

  // Within what rounding each of the additions can do; so is the rounded reference itself.
  const sizes = linear(
    weight.values.map(Math.abs),
    columns,
    input.map(Math.abs),
    bias?.map(Math.abs) ?? null,
    residual?.map(Math.abs) ?? null,
  );
  assertClose(
    actual,
    linear(weight.values, columns, input, bias, residual),
    (_, index) => 2 * (columns + 2) * 2 ** -24 * sizes[index]!,
    what,
  );
}

testOp("upbeat_linear() equals the reference, on the CPU bit for bit, on ragged shapes and all dtypes", (bench) => {
  forCases(18, (random) => {
    const dtype = random.pick<DtypeName>(["F32", "F16", "BF16"]);
    const rows = random.pick([1, 2, 3, random.integer(4, 20), random.integer(20, 70)]);
    const outputs = random.integer(1, 110);
    const columns = random.pick([random.integer(1, 20), random.integer(20, 150)]);
    compare(bench, random, dtype, rows, outputs, columns);
  });
  // Long sums, which a library adds up in several goes.
  for (const rows of [2, 17]) compare(bench, new Random(rows), "BF16", rows, 37, 2500);
});

testOp("upbeat_linear() gives each row the same bits alone, in a batch and in any part of it", (bench) => {
  forCases(4, (random) => {
    const dtype = random.pick<DtypeName>(["F32", "F16", "BF16"]);
    const rows = random.integer(30, 260);
    const outputs = random.integer(50, 300);
    const columns = random.pick([random.integer(100, 700), 1100, 2100]);
    const { handle } = bench.weight(random.floats(outputs * columns), columns, dtype);
    const input = random.floats(rows * columns);
    const compute = (first: number, count: number) => {
      const output = bench.output(count * outputs);
      const part = bench.upload(input.subarray(first * columns, (first + count) * columns));
      bench.check(bench.symbols.upbeat_linear(bench.stream, handle, part, null, null, count, output.pointer));
      return bench.floats(output);
    };
    const whole = compute(0, rows);
    assert(whole.every(Number.isFinite));
    for (const count of [1, 2, 5, random.integer(6, 29)]) {
      const first = random.integer(0, rows - count);
      const expected = whole.subarray(first * outputs, (first + count) * outputs);
      assertSameBits(compute(first, count), expected, `rows ${first} to ${first + count} of ${rows}, ${dtype}`);
    }
  });
});
