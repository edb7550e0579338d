import { assert, assertEquals } from "@std/assert";
import { attention } from "../support/models/reference_ops.ts";
import { assertClose, assertSameBits, isUntouched, testOp } from "./op_bench.ts";
import { type AttentionRequest, PagedCache, runAttention } from "./paged_cache.ts";
import { forCases, Random } from "./random.ts";

/** A random shape of heads, and of a cache for `tokens` tokens of up to 10 sequences. */
function randomShape(random: Random, tokens: number) {
  const kvHeads = random.integer(1, 3);
  const blockSize = random.pick([1, 4, 16, 32]);
  return {
    heads: kvHeads * random.integer(1, 4),
    kvHeads,
    headDim: random.pick([8, 10, 16, 24, 64, 80, 128]),
    blockSize,
    dtype: random.pick(["F32", "BF16"] as const),
    blocks: Math.ceil(tokens / blockSize) + 10,
  };
}

testOp("upbeat_attention() agrees with the reference on ragged batches", (bench) => {
  forCases(16, (random) => {
    const shape = randomShape(random, 400);
    const { heads, kvHeads, headDim } = shape;
    const cache = new PagedCache(bench, shape, random);
    const width = heads * headDim;
    // Large scores must not overflow; they leave all weight on one key.
    const scale = Math.fround(random.pick([1, 1, 30]) / Math.sqrt(headDim));
    const slidingWindow = random.pick([0, 0, 1, random.integer(2, 40)]);
    const sequences = Array.from({ length: random.integer(1, 5) }, () => {
      const length = random.pick([1, random.integer(1, 20), random.integer(1, 75)]);
      const size = length * kvHeads * headDim;
      const sequence = cache.add(random.floats(size), random.floats(size));
      const rows = random.pick([0, 1, 1, length, random.integer(1, length)]);
      return { ...sequence, queries: random.floats(rows * width, 2) };
    });
    // Padding: a request of length 0 that has rows.
    const padding: AttentionRequest = { blocks: [], length: 0, queries: random.floats(random.integer(0, 2) * width) };
    const requests: AttentionRequest[] = [...sequences, padding];
    const extraRows = random.integer(0, 2);
    const queryStride = random.pick([width, width + 2 * kvHeads * headDim]);
    const actual = runAttention(bench, cache, requests, { heads, scale, slidingWindow, queryStride, extraRows });

    let start = 0;
    for (const sequence of sequences) {
      const expected = attention({ ...sequence, heads, kvHeads, headDim, scale, slidingWindow });
      const part = actual.subarray(start, start += expected.length);
      const what = `${shape.dtype}, ${heads}/${kvHeads} heads of ${headDim}, block ${shape.blockSize}, ` +
        `length ${sequence.length}, ${expected.length / width} rows, window ${slidingWindow}`;
      assertClose(part, expected, () => 1e-5 * Math.max(1, scale * headDim / 8), what);
    }
    const zeros = actual.subarray(start, start += padding.queries.length);
    assert(zeros.every((value) => value === 0), "a request of length 0 gives zeros");
    assertEquals(actual.length - start, extraRows * width);
    assert(isUntouched(actual.subarray(start)), "rows of no request are left alone");
  });
});

testOp("upbeat_attention() has the same bits for a whole prompt, for its chunks, and token by token", (bench) => {
  forCases(4, (random) => {
    const shape = randomShape(random, 150);
    const { heads, kvHeads, headDim } = shape;
    const cache = new PagedCache(bench, shape, random);
    const width = heads * headDim;
    const length = random.integer(40, 150);
    const size = length * kvHeads * headDim;
    const { blocks } = cache.add(random.floats(size), random.floats(size));
    const queries = random.floats(length * width, 2);
    const call = {
      heads,
      scale: Math.fround(1 / Math.sqrt(headDim)),
      slidingWindow: random.pick([0, random.integer(5, 30)]),
    };
    const rows = (from: number, to: number) => queries.subarray(from * width, to * width);
    const whole = runAttention(bench, cache, [{ blocks, length, queries }], call);
    assert(whole.every(Number.isFinite));

    const cuts = [0, ...[...random.integers(3, 1, length - 1)].sort((a, b) => a - b), length];
    for (let i = 1; i < cuts.length; i++) {
      const [from, to] = [cuts[i - 1]!, cuts[i]!];
      if (from === to) continue;
      const chunk = runAttention(bench, cache, [{ blocks, length: to, queries: rows(from, to) }], call);
      assertSameBits(chunk, whole.subarray(from * width, to * width), `rows ${from} to ${to} of ${length}`);
    }
    // Every prefix as a request of its own, one row each: a decode batch.
    const decode = Array.from({ length }, (_, t) => ({ blocks, length: t + 1, queries: rows(t, t + 1) }));
    assertSameBits(runAttention(bench, cache, decode, call), whole, "token by token");
  });
});

testOp("upbeat_attention() has the same bits over thousands of keys, however rows are batched", (bench) => {
  forCases(3, (random) => {
    const dtype = random.pick(["F32", "BF16"] as const);
    const shape = { heads: 4, kvHeads: 2, headDim: 16, blockSize: 16, blocks: 400, dtype };
    const { heads, kvHeads, headDim } = shape;
    const cache = new PagedCache(bench, shape, random);
    const width = heads * headDim;
    const length = random.integer(2049, 3300);
    const size = length * kvHeads * headDim;
    const sequence = cache.add(random.floats(size), random.floats(size));
    const { blocks } = sequence;
    const rows = random.integer(50, 120);
    const queries = random.floats(rows * width, 8);
    const call = { heads, scale: 0.25, slidingWindow: random.pick([0, 1500]) };
    const chunk = runAttention(bench, cache, [{ blocks, length, queries }], call);
    const row = (index: number) => queries.subarray(index * width, (index + 1) * width);
    // Rows around the positions at which the library may split the keys, and at random.
    for (const index of [0, rows - 1, random.integer(1, rows - 2)]) {
      const alone = { blocks, length: length - rows + index + 1, queries: row(index) };
      const bits = runAttention(bench, cache, [alone], call);
      assertSameBits(bits, chunk.subarray(index * width, (index + 1) * width), `row ${index} of ${rows} of ${length}`);
      const crowd = Array.from({ length: 7 }, () => alone);
      assertSameBits(runAttention(bench, cache, crowd, call).subarray(6 * width), bits, "in a crowd");
    }
    const last = { ...sequence, queries: row(rows - 1), ...call, kvHeads, headDim };
    assertClose(chunk.subarray((rows - 1) * width), attention(last), () => 1e-5, `the last row of ${length}`);
  });
});

testOp("upbeat_attention() has the same bits for a request alone, in a batch, and in other blocks", (bench) => {
  forCases(4, (random) => {
    const shape = randomShape(random, 480);
    const { heads, kvHeads, headDim } = shape;
    const cache = new PagedCache(bench, shape, random);
    const call = { heads, scale: Math.fround(1 / Math.sqrt(headDim)), slidingWindow: 0 };
    const content = Array.from({ length: 4 }, () => {
      const length = random.integer(1, 60);
      const size = length * kvHeads * headDim;
      const rows = random.pick([1, random.integer(1, length)]);
      return {
        length,
        keys: random.floats(size),
        values: random.floats(size),
        queries: random.floats(rows * heads * headDim),
      };
    });
    const place = ({ keys, values, length, queries }: typeof content[number]): AttentionRequest => ({
      blocks: cache.add(keys, values).blocks,
      length,
      queries,
    });
    const batch = content.map(place);
    const together = runAttention(bench, cache, batch, call);
    let start = 0;
    for (const [index, request] of batch.entries()) {
      const expected = together.subarray(start, start += request.queries.length);
      assertSameBits(runAttention(bench, cache, [request], call), expected, `request ${index} alone`);
      const moved = place(content[index]!);
      assertSameBits(runAttention(bench, cache, [moved], call), expected, `request ${index} in other blocks`);
    }
  });
});

const HEAD_DIMS = [8, 10, 16, 24, 32, 48, 64, 72, 80, 96, 112, 128, 160, 192, 256];

testOp("upbeat_attention() has the same bits whatever stale blocks and unused slots have", (bench) => {
  for (const dtype of ["F32", "BF16"] as const) {
    for (const [index, headDim] of HEAD_DIMS.entries()) {
      const random = new Random(index + 1);
      const kvHeads = random.integer(1, 2);
      const blockSize = random.pick([4, 16, 32]);
      const shape = { heads: kvHeads * random.integer(1, 3), kvHeads, headDim, blockSize, dtype, blocks: 40 };
      const width = shape.heads * headDim;
      const content = Array.from({ length: 3 }, () => {
        const length = random.integer(1, 45);
        const size = length * kvHeads * headDim;
        const rows = random.pick([1, 1, length]);
        const queries = random.floats(rows * width);
        return { keys: random.floats(size), values: random.floats(size), length, queries };
      });
      const slidingWindow = random.pick([0, 0, 7]);
      const order = random.integer(0, 2 ** 30);
      const outputs = [0, NaN, Infinity].map((stale) => {
        const cache = new PagedCache(bench, shape, new Random(order), stale);
        const requests = content.map(({ keys, values, length, queries }) => ({
          blocks: cache.add(keys, values).blocks,
          length,
          queries,
        }));
        return runAttention(bench, cache, requests, { heads: shape.heads, scale: 0.25, slidingWindow });
      });
      const what = `${dtype}, head_dim ${headDim}, block ${blockSize}, window ${slidingWindow}`;
      assert(outputs[0]!.every(Number.isFinite), what);
      assertSameBits(outputs[1]!, outputs[0]!, `NaN: ${what}`);
      assertSameBits(outputs[2]!, outputs[0]!, `infinity: ${what}`);
    }
  }
});
