import { assertEquals } from "@std/assert";
import type { DtypeName } from "../../ffi/abi.ts";
import { gatherRows } from "../support/models/reference_ops.ts";
import { testOp } from "./op_bench.ts";
import { forCases } from "./random.ts";

testOp("upbeat_embedding() returns rows of the weight, and zeros for padding", (bench) => {
  forCases(9, (random) => {
    const dtype = random.pick<DtypeName>(["F32", "F16", "BF16"]);
    const [vocabulary, columns, rows] = [random.integer(1, 90), random.integer(1, 130), random.integer(1, 50)];
    const weight = bench.weight(random.floats(vocabulary * columns), columns, dtype);
    const tokens = random.integers(rows, -1, vocabulary - 1);
    const output = bench.output(rows * columns);
    bench.check(
      bench.symbols.upbeat_embedding(bench.stream, weight.handle, bench.upload(tokens), rows, output.pointer),
    );
    assertEquals(bench.floats(output), Float32Array.from(gatherRows(weight.values, columns, tokens)));
  });
});

testOp("upbeat_gather_rows() returns the indexed rows, and zeros for negative indices", (bench) => {
  forCases(9, (random) => {
    const [inputRows, columns, rows] = [random.integer(1, 60), random.integer(1, 200), random.integer(1, 80)];
    const input = random.floats(inputRows * columns);
    const indices = random.integers(rows, -2, inputRows - 1);
    const output = bench.output(rows * columns);
    bench.check(bench.symbols.upbeat_gather_rows(
      bench.stream,
      bench.upload(input),
      bench.upload(indices),
      inputRows,
      rows,
      columns,
      output.pointer,
    ));
    assertEquals(bench.floats(output), Float32Array.from(gatherRows(input, columns, indices)));
  });
});

testOp("upbeat_gather_tokens() reads the table, and returns -1 for padding", (bench) => {
  forCases(9, (random) => {
    const [length, rows] = [random.integer(1, 300), random.integer(1, 90)];
    const table = random.integers(length, 0, 2 ** 31 - 1);
    const sources = random.integers(rows, -3, length - 1);
    const output = bench.output(rows);
    bench.check(bench.symbols.upbeat_gather_tokens(
      bench.stream,
      bench.upload(table),
      bench.upload(sources),
      rows,
      length,
      output.pointer,
    ));
    assertEquals(bench.ints(output), sources.map((source) => source < 0 ? -1 : table[source]!));
  });
});

testOp("upbeat_scatter_tokens() writes the table, skips padding, and stores negative tokens as 0", (bench) => {
  forCases(9, (random) => {
    const length = random.integer(1, 300);
    const rows = random.integer(1, length);
    const table = random.integers(length, 0, 1000);
    const tokens = random.integers(rows, 1001, 2000).map((token) => random.pick([token, token, -1, -2]));
    const places = random.permutation(length);
    const destinations = Int32Array.from({ length: rows }, (_, row) => random.pick([-1, places[row]!]));
    const pointer = bench.upload(table);
    bench.check(bench.symbols.upbeat_scatter_tokens(
      bench.stream,
      bench.upload(tokens),
      bench.upload(destinations),
      rows,
      length,
      pointer,
    ));
    const expected = table.slice();
    for (const [row, destination] of destinations.entries()) {
      if (destination >= 0) expected[destination] = Math.max(0, tokens[row]!);
    }
    assertEquals(new Int32Array(bench.read(pointer, length)), expected);
  });
});
