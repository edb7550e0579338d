import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { UpbeatError } from "../../errors.ts";
import { DTYPE, type DtypeName, type WeightHandle } from "../../ffi/device.ts";
import { randomWeights } from "../support/models/reference_weights.ts";
import { encode } from "./dtypes.ts";
import { assertSameBits, type OpBench, testOp } from "./op_bench.ts";
import { forCases } from "./random.ts";

/** Every element of a weight, as F32. */
function elementsOf(bench: OpBench, weight: WeightHandle, rows: number, columns: number): Float32Array {
  const output = bench.output(rows * columns);
  const ids = Int32Array.from({ length: rows }, (_, row) => row);
  bench.check(bench.symbols.upbeat_embedding(bench.stream, weight, bench.upload(ids), rows, output.pointer));
  return bench.floats(output);
}

testOp("upbeat_weight_randomize() is a function of seed, row and column, in any order of rows", (bench) => {
  forCases(12, (random) => {
    const dtype = random.pick<DtypeName>(["F32", "F16", "BF16"]);
    const [rows, columns] = [random.integer(1, 90), random.integer(1, 150)];
    const scale = random.pick([1e-6, 0.0346, 1, 300]);
    const seed = [random.integer(-(2 ** 31), 2 ** 31 - 1), random.integer(-(2 ** 31), 2 ** 31 - 1)] as const;
    const weight = bench.device.createWeight(DTYPE[dtype], rows, columns);
    const cut = random.integer(0, rows);
    for (const [first, end] of [[cut, rows], [0, cut]] as const) {
      if (end > first) bench.device.randomizeWeight(bench.stream, weight, first, end - first, scale, seed);
    }
    const expected = encode(randomWeights(rows, columns, scale, seed), dtype).values;
    assertSameBits(elementsOf(bench, weight, rows, columns), expected, `${dtype} [${rows}, ${columns}] x ${scale}`);
  });
});

testOp("upbeat_weight_randomize() leaves the padding of the matrix zero", (bench) => {
  // Padding after the last row and column takes part in products.
  const [rows, columns] = [37, 45];
  const weight = bench.device.createWeight(DTYPE.BF16, rows, columns);
  bench.device.randomizeWeight(bench.stream, weight, 0, rows, 1, [1, 2]);
  const { values } = encode(randomWeights(rows, columns, 1, [1, 2]), "BF16");
  const output = bench.output(rows);
  const input = bench.upload(new Float32Array(columns).fill(1));
  bench.check(bench.symbols.upbeat_linear(bench.stream, weight, input, null, null, 1, output.pointer));
  const sums = Array.from({ length: rows }, (_, row) => {
    return values.subarray(row * columns, (row + 1) * columns).reduce((sum, value) => sum + value, 0);
  });
  for (const [row, value] of bench.floats(output).entries()) assertAlmostEquals(value, sums[row]!, 1e-4, `row ${row}`);
});

testOp("upbeat_weight_randomize() has uniform elements of mean 0", (bench) => {
  const [rows, columns] = [64, 256];
  const weight = bench.device.createWeight(DTYPE.F32, rows, columns);
  bench.device.randomizeWeight(bench.stream, weight, 0, rows, 2, [7, 0]);
  const elements = elementsOf(bench, weight, rows, columns);
  const mean = elements.reduce((sum, value) => sum + value, 0) / elements.length;
  const deviation = Math.sqrt(elements.reduce((sum, value) => sum + value * value, 0) / elements.length);
  // Five standard errors: 2 / sqrt(3 * 16384) each for the mean.
  assertAlmostEquals(mean, 0, 5 * 2 / Math.sqrt(3 * elements.length));
  assertAlmostEquals(deviation, 2 / Math.sqrt(3), 0.02);
  assert(elements.every((value) => value !== 0 && Math.abs(value) < 2));
});

testOp("upbeat_weight_randomize() refuses invalid scales and rows", (bench) => {
  const weight = bench.device.createWeight(DTYPE.BF16, 4, 8);
  const refused = (argument: string, rows: number, scale: number) => {
    const call = () => bench.device.randomizeWeight(bench.stream, weight, 0, rows, scale, [0, 0]);
    const { code, message } = assertThrows(call, UpbeatError);
    assertEquals(code, "DEVICE_INVALID_ARGUMENT");
    assert(message.includes(argument), message);
  };
  for (const scale of [0, -1, NaN, Infinity]) refused("scale", 4, scale);
  refused("row_count", 5, 1);
  bench.device.randomizeWeight(bench.stream, weight, 0, 4, 1, [0, 0]);
  refused("loaded already", 4, 1);
});
