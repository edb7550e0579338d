import { test } from "node:test";
import { assert } from "@std/assert";
import { assertSameBits, OpBench } from "./op_bench.ts";
import { PagedCache, runAttention } from "./paged_cache.ts";
import { Random } from "./random.ts";

/** The work of one layer, large enough to be split between threads. */
function compute(threads: number): Float32Array {
  using bench = new OpBench({ simd: "AUTO", threads });
  const random = new Random(1);
  const [rows, width, inner, heads, kvHeads, headDim] = [130, 256, 640, 8, 2, 32];
  const { stream, symbols } = bench;
  const input = bench.upload(random.floats(rows * width));
  const norm = bench.upload(random.floats(width));
  const up = bench.weight(random.floats(2 * inner * width), width, "BF16").handle;
  const down = bench.weight(random.floats(width * inner), inner, "F32").handle;
  const [normed, gateUp, gated] = [rows * width, rows * 2 * inner, rows * inner].map((size) => bench.output(size));
  const output = bench.output(rows * width);
  bench.check(symbols.upbeat_rms_norm(stream, input, norm, 1e-6, rows, width, normed!.pointer));
  bench.check(symbols.upbeat_linear(stream, up, normed!.pointer, null, null, rows, gateUp!.pointer));
  bench.check(symbols.upbeat_silu_multiply(stream, gateUp!.pointer, rows, inner, gated!.pointer));
  bench.check(symbols.upbeat_linear(stream, down, gated!.pointer, null, input, rows, output.pointer));
  const queries = bench.floats(output);

  const cache = new PagedCache(bench, { dtype: "F32", blocks: 20, blockSize: 16, kvHeads, headDim }, random);
  const size = rows * kvHeads * headDim;
  const { blocks } = cache.add(random.floats(size), random.floats(size));
  const attended = runAttention(bench, cache, [{ blocks, length: rows, queries }], {
    heads,
    scale: 0.125,
    slidingWindow: 0,
  });
  return Float32Array.from([...queries, ...attended]);
}

test("a layer has the same bits with 1, 2 and 3 threads", () => {
  const one = compute(1);
  assert(one.every(Number.isFinite));
  assertSameBits(compute(2), one, "2 threads");
  assertSameBits(compute(3), one, "3 threads");
});
