import { assert, assertEquals } from "@std/assert";
import { DTYPE } from "../../ffi/abi.ts";
import { attention, rotaryHeads, rotaryTable } from "../support/models/reference_ops.ts";
import { assertClose, assertSameBits, testOp } from "./op_bench.ts";
import { PagedCache, runAttention, slotsOf } from "./paged_cache.ts";
import { forCases, type Random } from "./random.ts";

function inverseFrequencies(headDim: number): Float64Array {
  return Float64Array.from({ length: headDim / 2 }, (_, i) => 10000 ** (-2 * i / headDim));
}

/** Columns `from` to `to` of a matrix. */
function columns(matrix: Float32Array, width: number, from: number, to: number): Float32Array {
  const rows = matrix.length / width;
  const output = new Float32Array(rows * (to - from));
  for (let row = 0; row < rows; row++) {
    output.set(matrix.subarray(row * width + from, row * width + to), row * (to - from));
  }
  return output;
}

function randomCase(random: Random) {
  const kvHeads = random.integer(1, 3);
  const heads = kvHeads * random.integer(1, 3);
  const headDim = random.pick([8, 24, 64, 80, 128]);
  const normed = random.pick([true, false]);
  return {
    heads,
    kvHeads,
    headDim,
    width: (heads + 2 * kvHeads) * headDim,
    blockSize: random.pick([1, 4, 16]),
    blocks: 100,
    queryNorm: normed ? random.floats(headDim, 2) : null,
    keyNorm: normed ? random.floats(headDim, 2) : null,
    epsilon: Math.fround(1e-6),
    length: random.integer(1, 50),
  };
}

testOp("upbeat_rotary_table() has cosines and sines of double precision", (bench) => {
  forCases(3, (random) => {
    const headDim = random.pick([2, 8, 64, 80, 128]);
    const positions = random.integer(1, 3000);
    const scale = Math.fround(random.pick([1, 1.25]));
    const frequencies = inverseFrequencies(headDim);
    const output = bench.output(positions * headDim);
    using host = bench.pinned(frequencies);
    bench.check(
      bench.symbols.upbeat_rotary_table(bench.stream, host.pointer, scale, positions, headDim, output.pointer),
    );
    const expected = rotaryTable(frequencies, scale, positions);
    // Within a float32's rounding; single-precision angles in the thousands would be far off.
    assertClose(
      bench.floats(output),
      expected,
      (value) => 2 ** -24 * Math.abs(value) + 1e-12,
      `${positions} positions`,
    );
  });
});

testOp(
  "upbeat_rotary_cache() rotates queries in place, and fills the cache as the reference does",
  (bench) => {
    forCases(10, (random) => {
      const shape = randomCase(random);
      const { heads, kvHeads, headDim, width, length, blockSize, epsilon, queryNorm, keyNorm } = shape;
      const dtype = random.pick(["F32", "BF16"] as const);
      const cache = new PagedCache(bench, { ...shape, dtype }, random);
      const blocks = cache.reserve(length);
      const positions = Int32Array.from({ length }, (_, t) => t);
      const table = rotaryTable(inverseFrequencies(headDim), 1, 64);
      const qkv = random.floats(length * width, 2);
      const output = bench.output(length * width);
      const source = bench.upload(qkv);
      bench.check(bench.symbols.upbeat_copy_on_device(bench.stream, output.pointer, source, qkv.byteLength));
      bench.check(bench.symbols.upbeat_rotary_cache(
        bench.stream,
        output.pointer,
        bench.upload(positions),
        bench.upload(slotsOf(blocks, blockSize, length)),
        bench.upload(Float32Array.from(table)),
        queryNorm === null ? null : bench.upload(queryNorm),
        keyNorm === null ? null : bench.upload(keyNorm),
        epsilon,
        length,
        heads,
        kvHeads,
        headDim,
        cache.keys,
        cache.values,
        DTYPE[dtype],
        blockSize,
      ));
      const what = `${dtype}, ${heads}/${kvHeads} heads of ${headDim}, ${length} tokens, norm ${queryNorm !== null}`;
      const [keysAt, valuesAt] = [heads * headDim, (heads + kvHeads) * headDim];
      const actual = bench.floats(output);
      const queries = columns(actual, width, 0, keysAt);
      const common = { positions, headDim, table, epsilon };
      const rotated = rotaryHeads({ ...common, input: columns(qkv, width, 0, keysAt), norm: queryNorm });
      assertClose(queries, rotated, () => 2e-5, `queries, ${what}`);

      const keys = rotaryHeads({ ...common, input: columns(qkv, width, keysAt, valuesAt), norm: keyNorm });
      const values = columns(qkv, width, valuesAt, width);
      const call = { heads, scale: Math.fround(1 / Math.sqrt(headDim)), slidingWindow: 0 };
      const seen = runAttention(bench, cache, [{ blocks, length, queries }], call);
      const expected = attention({ queries, keys, values, kvHeads, headDim, ...call });
      // BF16 keeps 8 bits of each key and value; the exact rounding is checked by the attention tests.
      assertClose(seen, expected, () => dtype === "F32" ? 5e-5 : 5e-2, `attention, ${what}`);
    });
  },
);

testOp("upbeat_rotary_cache() does not touch rows of padding and their slots", (bench) => {
  forCases(4, (random) => {
    const shape = { ...randomCase(random), blocks: 4 };
    const { heads, kvHeads, headDim, width, blockSize, epsilon } = shape;
    const cache = new PagedCache(bench, { ...shape, dtype: "F32" }, random);
    const bytes = bench.device.kvCacheBytes(DTYPE.F32, shape.blocks, blockSize, kvHeads, headDim);
    const before = bench.read(cache.keys, bytes / 4);
    const qkv = random.floats(3 * width);
    const pointer = bench.upload(qkv);
    bench.check(bench.symbols.upbeat_rotary_cache(
      bench.stream,
      pointer,
      bench.upload(Int32Array.of(0, 1, 2)),
      bench.upload(Int32Array.of(-1, -1, -5)),
      bench.upload(Float32Array.from(rotaryTable(inverseFrequencies(headDim), 1, 4))),
      null,
      null,
      epsilon,
      3,
      heads,
      kvHeads,
      headDim,
      cache.keys,
      cache.values,
      DTYPE.F32,
      blockSize,
    ));
    assertSameBits(new Float32Array(bench.read(pointer, 3 * width)), qkv, "qkv of padding");
    assertEquals(new Uint8Array(bench.read(cache.keys, bytes / 4)), new Uint8Array(before));
    assert(bytes > 0);
  });
});

testOp("upbeat_rotary_cache() has the same bits for a whole prompt and token by token", (bench) => {
  forCases(4, (random) => {
    const shape = randomCase(random);
    const { heads, kvHeads, headDim, width, length, blockSize, epsilon, queryNorm, keyNorm } = shape;
    const cache = new PagedCache(bench, { ...shape, dtype: "F32" }, random);
    const table = bench.upload(Float32Array.from(rotaryTable(inverseFrequencies(headDim), 1, 64)));
    const norms = [queryNorm, keyNorm].map((norm) => norm === null ? null : bench.upload(norm)) as [null, null];
    const qkv = random.floats(length * width);
    const write = (blocks: number[], from: number, to: number) => {
      const pointer = bench.upload(qkv.subarray(from * width, to * width));
      bench.check(bench.symbols.upbeat_rotary_cache(
        bench.stream,
        pointer,
        bench.upload(Int32Array.from({ length: to - from }, (_, row) => from + row)),
        bench.upload(slotsOf(blocks, blockSize, length).subarray(from, to)),
        table,
        ...norms,
        epsilon,
        to - from,
        heads,
        kvHeads,
        headDim,
        cache.keys,
        cache.values,
        DTYPE.F32,
        blockSize,
      ));
      const rotated = new Float32Array(bench.read(pointer, (to - from) * width));
      return columns(rotated, width, 0, heads * headDim);
    };
    const call = { heads, scale: 0.5, slidingWindow: 0 };
    const whole = cache.reserve(length);
    const queries = write(whole, 0, length);
    const expected = runAttention(bench, cache, [{ blocks: whole, length, queries }], call);

    const pieces = cache.reserve(length);
    for (let t = 0; t < length; t++) {
      const row = queries.subarray(t * heads * headDim, (t + 1) * heads * headDim);
      assertSameBits(write(pieces, t, t + 1), row, `query ${t}`);
    }
    const actual = runAttention(bench, cache, [{ blocks: pieces, length, queries }], call);
    assertSameBits(actual, expected, "attention over the cache");
  });
});
