import { rmsNorm, siluMultiply } from "../support/models/reference_ops.ts";
import { assertClose, assertSameBits, testOp } from "./op_bench.ts";
import { forCases } from "./random.ts";

testOp("upbeat_rms_norm() agrees with the reference, in place or not", (bench) => {
  forCases(12, (random) => {
    const [rows, columns] = [random.integer(1, 40), random.pick([random.integer(1, 40), random.integer(41, 900)])];
    const input = random.floats(rows * columns, 10 ** random.integer(-3, 3));
    const weight = random.floats(columns, 2);
    const epsilon = Math.fround(random.pick([1e-5, 1e-6]));
    const output = bench.output(rows * columns);
    const source = bench.upload(input);
    const inPlace = random.pick([true, false]);
    if (inPlace) {
      bench.check(
        bench.symbols.upbeat_copy_on_device(bench.stream, output.pointer, source, input.byteLength),
      );
    }
    bench.check(bench.symbols.upbeat_rms_norm(
      bench.stream,
      inPlace ? output.pointer : source,
      bench.upload(weight),
      epsilon,
      rows,
      columns,
      output.pointer,
    ));
    const expected = rmsNorm(input, weight, epsilon);
    assertClose(bench.floats(output), expected, (value) => 4e-6 * Math.abs(value) + 1e-30, `[${rows}, ${columns}]`);
  });
});

testOp("upbeat_rms_norm() returns zeros for a row of zeros", (bench) => {
  const output = bench.output(70);
  const zeros = bench.upload(new Float32Array(70));
  const weight = bench.upload(new Float32Array(35).fill(2));
  bench.check(bench.symbols.upbeat_rms_norm(bench.stream, zeros, weight, 1e-6, 2, 35, output.pointer));
  assertSameBits(bench.floats(output), new Float32Array(70), "zeros");
});

testOp("upbeat_rms_norm() has the same bits for a row alone and in a batch", (bench) => {
  forCases(4, (random) => {
    const [rows, columns] = [random.integer(2, 30), random.integer(1, 700)];
    const input = random.floats(rows * columns);
    const weight = bench.upload(random.floats(columns));
    const norm = (part: Float32Array) => {
      const output = bench.output(part.length);
      const source = bench.upload(part);
      const count = part.length / columns;
      bench.check(
        bench.symbols.upbeat_rms_norm(bench.stream, source, weight, 1e-6, count, columns, output.pointer),
      );
      return bench.floats(output);
    };
    const whole = norm(input);
    const row = random.integer(0, rows - 1);
    const part = (from: Float32Array) => from.subarray(row * columns, (row + 1) * columns);
    assertSameBits(norm(part(input)), part(whole), `row ${row} of [${rows}, ${columns}]`);
  });
});

testOp("upbeat_silu_multiply() agrees with the reference, for gates of any size", (bench) => {
  forCases(12, (random) => {
    const [rows, columns] = [random.integer(1, 30), random.pick([random.integer(1, 40), random.integer(41, 700)])];
    const gateUp = random.floats(rows * 2 * columns, random.pick([1, 10, 100]));
    const output = bench.output(rows * columns);
    bench.check(
      bench.symbols.upbeat_silu_multiply(bench.stream, bench.upload(gateUp), rows, columns, output.pointer),
    );
    // Below about -87, exp yields denormal float32.
    const expected = siluMultiply(gateUp, columns);
    assertClose(bench.floats(output), expected, (value) => 2e-6 * Math.abs(value) + 1e-32, `[${rows}, ${columns}]`);
  });
});

testOp("upbeat_silu_multiply() approaches 0 and the identity for extreme gates", (bench) => {
  const gates = [0, -0, 1e30, 3e38, 1e6, -1e6, 89, -89, 200, -200];
  const output = bench.output(gates.length);
  const gateUp = bench.upload(Float32Array.from([...gates, ...gates.map(() => 1)]));
  bench.check(bench.symbols.upbeat_silu_multiply(bench.stream, gateUp, 1, gates.length, output.pointer));
  const expected = gates.map((gate) => Math.fround(Math.max(0, gate)));
  assertClose(bench.floats(output), expected, (value) => Math.abs(value) * 1e-6 + 1e-30, "silu");
});
