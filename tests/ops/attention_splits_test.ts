import { assert } from "@std/assert";
import { attention } from "../support/models/reference_ops.ts";
import { assertClose, assertSameBits, testOp } from "./op_bench.ts";
import { type AttentionRequest, PagedCache, runAttention } from "./paged_cache.ts";
import { forCases } from "./random.ts";

// Libraries split long sequences, assign rows to thread blocks in several ways, and have special code for some shapes.
// None of it may change a bit.

testOp("upbeat_attention() has the same bits for each row of a long prompt as for a decode row", (bench) => {
  forCases(2, (random) => {
    const shape = {
      kvHeads: 1,
      headDim: 16,
      blockSize: 24,
      blocks: 200,
      dtype: (["BF16", "F32"] as const)[random.integer(0, 1)]!,
    };
    const heads = random.pick([1, 2, 3]);
    const cache = new PagedCache(bench, shape, random);
    const width = heads * shape.headDim;
    const length = 1400;
    const size = length * shape.headDim;
    const sequence = cache.add(random.floats(size), random.floats(size));
    const { blocks } = sequence;
    const queries = random.floats(length * width, 6);
    const call = { heads, scale: 0.25, slidingWindow: random.pick([0, 700]) };
    const rows = (from: number, to: number) => queries.subarray(from * width, to * width);
    const decode = (row: number): AttentionRequest => ({ blocks, length: row + 1, queries: rows(row, row + 1) });
    const whole = runAttention(bench, cache, [{ blocks, length, queries }], call);
    const bits = (row: number) => whole.subarray(row * width, (row + 1) * width);
    // Both sides of positions at which keys may be split, absolute ones and those at the window's far end.
    const edges = [256, 512, 700, 700 + 256, 1024, 1280].flatMap((edge) => [edge - 1, edge, edge + 1]);
    const chosen = [0, 63, 64, ...edges, length - 1, random.integer(0, length - 1)];
    assertSameBits(
      runAttention(bench, cache, chosen.map(decode), call),
      Float32Array.from(chosen.flatMap((row) => [...bits(row)])),
      "a decode batch",
    );
    // Alone, a row's keys may be split between blocks; beside a chunk, rows are assigned in another way.
    for (const row of [random.pick(edges), length - 1]) {
      assertSameBits(runAttention(bench, cache, [decode(row)], call), bits(row), `row ${row} alone`);
      const chunk = { blocks, length: 1100, queries: rows(1070, 1100) };
      const mixed = runAttention(bench, cache, [decode(row), chunk, decode(row)], call);
      assertSameBits(mixed.subarray(0, width), bits(row), `row ${row} before a chunk`);
      assertSameBits(mixed.subarray(width, 31 * width), whole.subarray(1070 * width, 1100 * width), "the chunk");
      assertSameBits(mixed.subarray(31 * width), bits(row), `row ${row} after a chunk`);
    }
    const last = { ...sequence, queries: rows(length - 1, length), ...call, kvHeads: 1, headDim: shape.headDim };
    assertClose(bits(length - 1), attention(last), () => 1e-5, "the last row");
  });
});

testOp(
  "upbeat_attention() agrees with the reference and with itself for odd groups, wide heads and any block size",
  (bench) => {
    forCases(8, (random) => {
      const shape = {
        kvHeads: random.integer(1, 2),
        headDim: [256, 10, 192, 34, 128, 256, 64, 2][random.integer(0, 7)]!,
        blockSize: random.pick([1, 3, 7, 20, 100, 300]),
        blocks: 400,
        dtype: random.pick(["F32", "BF16"] as const),
      };
      if (shape.blockSize > 20) Object.assign(shape, { blocks: 8 });
      const { kvHeads, headDim } = shape;
      const heads = kvHeads * random.pick([1, 5, 7, 20]);
      const cache = new PagedCache(bench, shape, random);
      const width = heads * headDim;
      const length = random.integer(60, 150);
      const size = length * kvHeads * headDim;
      const sequence = cache.add(random.floats(size), random.floats(size));
      const { blocks } = sequence;
      const count = random.integer(5, 8);
      const queries = random.floats(count * width, 2);
      const call = { heads, scale: Math.fround(1 / Math.sqrt(headDim)), slidingWindow: random.pick([0, 0, 30]) };
      const chunk = runAttention(bench, cache, [{ blocks, length, queries }], call);
      const what =
        `${shape.dtype}, ${heads}/${kvHeads} heads of ${headDim}, block ${shape.blockSize}, length ${length}`;
      assertClose(chunk, attention({ ...sequence, queries, ...call, kvHeads, headDim }), () => 1e-5, what);
      const decode = Array.from({ length: count }, (_, i) => ({
        blocks,
        length: length - count + i + 1,
        queries: queries.subarray(i * width, (i + 1) * width),
      }));
      assertSameBits(runAttention(bench, cache, decode, call), chunk, `${what}: as decode rows`);
      const two = { blocks, length: length - count + 2, queries: queries.subarray(0, 2 * width) };
      const pair = runAttention(bench, cache, [two, { blocks, length, queries: new Float32Array(0) }], call);
      assertSameBits(pair, chunk.subarray(0, 2 * width), `${what}: two rows, and a request without rows`);
    });
  },
);

testOp("upbeat_attention() keeps a later token's NaN and infinity out of earlier rows", (bench) => {
  forCases(5, (random) => {
    const shape = {
      kvHeads: 1,
      headDim: random.pick([16, 64, 256]),
      blockSize: 16,
      blocks: 40,
      dtype: random.pick(["F32", "BF16"] as const),
    };
    const { headDim } = shape;
    const heads = random.pick([1, 4]);
    const cache = new PagedCache(bench, shape, random);
    const [length, width] = [150, heads * headDim];
    const [keys, values] = [random.floats(length * headDim), random.floats(length * headDim)];
    const queries = random.floats(length * width);
    const call = { heads, scale: 0.125, slidingWindow: random.pick([0, 20]) };
    const run = (): Float32Array => {
      const { blocks } = cache.add(keys, values);
      return runAttention(bench, cache, [{ blocks, length, queries }], call);
    };
    const clean = run();
    const broken = random.integer(2, 125);
    const bad = random.pick([NaN, Infinity, -Infinity]);
    const where = random.pick([[keys, values], [values], [keys]]);
    for (const tensor of where) tensor[broken * headDim + random.integer(0, headDim - 1)] = bad;
    const result = run();
    const what = `${shape.dtype}, heads of ${headDim}, ${bad} at ${broken}, window ${call.slidingWindow}`;
    assertSameBits(result.subarray(0, broken * width), clean.subarray(0, broken * width), what);
    if (call.slidingWindow > 0) {
      const after = (broken + call.slidingWindow) * width;
      assertSameBits(result.subarray(after), clean.subarray(after), `${what}: rows past the window`);
    }
    if (where.length === 2) assert(result.subarray(broken * width, (broken + 1) * width).some(Number.isNaN), what);
  });
});

testOp("upbeat_attention() has the same bits each time when it is replayed in a graph", (bench) => {
  forCases(2, (random) => {
    const shape = { kvHeads: 2, headDim: 16, blockSize: 16, blocks: 80, dtype: "BF16" as const };
    const cache = new PagedCache(bench, shape, random);
    const length = 1100;
    const size = length * 2 * 16;
    const { blocks } = cache.add(random.floats(size), random.floats(size));
    const request = { blocks, length, queries: random.floats(4 * 16) };
    const call = { heads: 4, scale: 0.25, slidingWindow: 0 };
    const direct = runAttention(bench, cache, [request], call);
    for (let times = 1; times <= 3; times++) {
      const replayed = runAttention(bench, cache, [request], call, (enqueue) => bench.replay(enqueue, times));
      assertSameBits(replayed, direct, `replayed ${times} times`);
    }
    assertSameBits(runAttention(bench, cache, [request], call), direct, "launched again");
  });
});
