import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UpbeatError } from "../../errors.ts";
import { DTYPE, type DtypeName, INPUT_DTYPE, type SimdName } from "../../ffi/abi.ts";
import type { Pointer } from "../../ffi/types.ts";
import {
  ascending,
  fusedMultiplyAdd,
  linear,
  linearRounded,
  multiplyAndAdd,
  type SumOfProducts,
  tileByTile,
} from "../support/models/reference_ops.ts";
import { bfloat16 } from "./dtypes.ts";
import { assertClose, assertSameBits, type OpBench, testOp } from "./op_bench.ts";
import { forCases, Random } from "./random.ts";

/** The order in which the kernels of an instruction set add. */
function order(simd: SimdName, dtype: DtypeName): SumOfProducts {
  if (simd === "AMX" && dtype === "BF16") return tileByTile;
  // A fused multiply-add in software would be slower by orders of magnitude.
  return ascending(simd === "PORTABLE" ? multiplyAndAdd : fusedMultiplyAdd);
}

/** One product: outputs x columns weights of a type, and the type that inputs are rounded to. */
interface Shape {
  readonly dtype: DtypeName;
  readonly inputs?: "F32" | "BF16";
  readonly rows: number;
  readonly outputs: number;
  readonly columns: number;
}

/** Compare one linear call with random operands, with or without bias and residual. */
function compare(bench: OpBench, random: Random, shape: Shape): void {
  const { dtype, inputs = "F32", rows, outputs, columns } = shape;
  const weight = bench.weight(random.floats(outputs * columns), columns, dtype, inputs);
  const given = random.floats(rows * columns, 3);
  const input = inputs === "BF16" ? given.map(bfloat16) : given;
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
    bench.upload(given),
    bias === null ? null : bench.upload(bias),
    residualPointer,
    rows,
    output.pointer,
  ));
  const what = `${dtype} [${rows}, ${columns}] of ${inputs} x [${outputs}, ${columns}]`;
  const actual = bench.floats(output);
  // Tensor cores do not specify the order of their additions.
  if (bench.library === "cpu") {
    const sums = order(bench.simd, dtype);
    assertSameBits(actual, linearRounded(weight.values, columns, input, bias, residual, sums), what);
  }

  // The bound of the rounding errors of all additions, which holds for the rounded reference as well.
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

/** The pairs of weights and inputs that a library multiplies. */
function pairs(bench: OpBench): readonly Pick<Shape, "dtype" | "inputs">[] {
  const exact = (["F32", "F16", "BF16"] as const).map((dtype) => ({ dtype }));
  if (bench.library === "cpu") return bench.simd === "AMX" ? [...exact, { dtype: "BF16", inputs: "BF16" }] : exact;
  return [...exact, { dtype: "F16", inputs: "BF16" }, { dtype: "BF16", inputs: "BF16" }];
}

/** Compare shapes around the tile borders of the CUDA library's kernels. */
function compareEveryKernel(bench: OpBench): void {
  // Heights at which one kernel replaces another, and more rows than one launch computes; one tile, several, and parts
  // of them; inputs that fill slices, leave some empty, and end anywhere.
  const shapes = [
    { rows: 8, outputs: 33, columns: 512 },
    { rows: 9, outputs: 16, columns: 1100 },
    { rows: 16, outputs: 47, columns: 64 },
    { rows: 32, outputs: 129, columns: 192 },
    { rows: 33, outputs: 5, columns: 700 },
    { rows: 64, outputs: 64, columns: 130 },
    { rows: 130, outputs: 300, columns: 70 },
    { rows: 256, outputs: 256, columns: 64 },
    { rows: 300, outputs: 129, columns: 31 },
    { rows: 1027, outputs: 3, columns: 40 },
  ];
  for (const [index, shape] of shapes.entries()) {
    for (const pair of pairs(bench)) compare(bench, new Random(index), { ...pair, ...shape });
  }
}

testOp("upbeat_linear() equals the reference, on the CPU bit for bit, on ragged shapes and all dtypes", (bench) => {
  forCases(18, (random) => {
    const rows = random.pick([1, 2, 3, random.integer(4, 20), random.integer(20, 70)]);
    const outputs = random.integer(1, 110);
    const columns = random.pick([random.integer(1, 20), random.integer(20, 150)]);
    compare(bench, random, { ...random.pick(pairs(bench)), rows, outputs, columns });
  });
  // Long sums, which a library adds in several parts.
  for (const rows of [2, 17]) compare(bench, new Random(rows), { dtype: "BF16", rows, outputs: 37, columns: 2500 });
  if (bench.library !== "cpu") compareEveryKernel(bench);
});

testOp("upbeat_linear() has the same bits for a row alone, in a batch, and in any part of it", (bench) => {
  for (const [index, { dtype, inputs }] of pairs(bench).entries()) {
    const random = new Random(index);
    const rows = random.integer(130, 200);
    const outputs = random.integer(50, 300);
    const columns = random.pick([random.integer(100, 700), 64 * 9, 1100, 2100]);
    const { handle } = bench.weight(random.floats(outputs * columns), columns, dtype, inputs);
    const input = random.floats(rows * columns);
    const bias = bench.upload(random.floats(outputs)), residual = random.floats(rows * outputs);
    const compute = (first: number, count: number) => {
      const output = bench.output(count * outputs);
      const part = bench.upload(input.subarray(first * columns, (first + count) * columns));
      const rest = bench.upload(residual.subarray(first * outputs, (first + count) * outputs));
      bench.check(bench.symbols.upbeat_linear(bench.stream, handle, part, bias, rest, count, output.pointer));
      return bench.floats(output);
    };
    const whole = compute(0, rows);
    assert(whole.every(Number.isFinite));
    for (const count of [1, 8, 9, 16, 17, 32, 33, 64, random.integer(65, 129)]) {
      const first = random.integer(0, rows - count);
      const expected = whole.subarray(first * outputs, (first + count) * outputs);
      assertSameBits(compute(first, count), expected, `rows ${first} to ${first + count} of ${rows}, ${dtype}`);
    }
  }
});

testOp("upbeat_linear() computes the same in a graph, with the graph's own memory", (bench) => {
  const random = new Random(5), rows = 40, columns = 100, outputs = 30;
  const { handle } = bench.weight(random.floats(outputs * columns), columns, "BF16");
  const input = bench.upload(random.floats(rows * columns));
  const [plain, replayed] = [bench.output(rows * outputs), bench.output(rows * outputs)];
  const compute = (output: Pointer) =>
    bench.check(bench.symbols.upbeat_linear(bench.stream, handle, input, null, null, rows, output));
  compute(plain.pointer);
  bench.replay(() => compute(replayed.pointer), 2);
  assertSameBits(bench.floats(replayed), bench.floats(plain), "replayed");
});

testOp("upbeat_weight_create() refuses inputs without kernels, and names the remedy", (bench) => {
  const dtypes = ["F32", "F16", "BF16"] as const;
  const all = dtypes.flatMap((dtype) => (["F32", "BF16", "I8"] as const).map((inputs) => ({ dtype, inputs })));
  const known = pairs(bench).map(({ dtype, inputs = "F32" }) => `${dtype}, ${inputs}`);
  for (const { dtype, inputs } of all) {
    if (known.includes(`${dtype}, ${inputs}`)) continue;
    const error = assertThrows(() => bench.device.createWeight(DTYPE[dtype], 4, 4, INPUT_DTYPE[inputs]), UpbeatError);
    assertEquals(error.code, "DEVICE_UNAVAILABLE");
    for (const words of [`${dtype} weights with ${inputs} inputs`, "ask for F32 inputs", 'activations "float32"']) {
      assertStringIncludes(error.message, words);
    }
  }
  assert(all.length > known.length);
  for (const unknown of [1, 3]) {
    const error = assertThrows(() => bench.device.createWeight(DTYPE.BF16, 4, 4, unknown as 0), UpbeatError);
    assertEquals(error.code, "DEVICE_INVALID_ARGUMENT");
    assertStringIncludes(error.message, "input_dtype");
  }
});
