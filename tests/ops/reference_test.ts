import { test } from "node:test";
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { attention, fusedMultiplyAdd, rotaryTable, rotate } from "../support/models/reference_ops.ts";
import { distribution, draw, philox, PLAIN_ROW, uniformAt } from "../support/models/reference_sampling.ts";
import { forCases } from "./random.ts";

test("philox() reproduces the published test vectors", () => {
  const hex = (words: number[]) => words.map((word) => word.toString(16)).join(" ");
  assertEquals(hex(philox([0, 0, 0, 0], [0, 0])), "6627e8d5 e169c58d bc57ac4c 9b00dbd8");
  const ones = 0xffffffff;
  assertEquals(hex(philox([ones, ones, ones, ones], [ones, ones])), "408f276d 41c83b0e a20bc7c6 6d5451fd");
  const pi = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
  assertEquals(hex(philox(pi, [0xa4093822, 0x299f31d0])), "d16cfe09 94fdcceb 5001e420 24126ea1");
});

test("fusedMultiplyAdd() rounds once where rounding twice would differ", () => {
  // 1 + 2^-24 is a tie of float32 between 1 and 1 + 2^-23; digits far below decide.
  const tie = (1 + 2 ** -12) * (1 + 2 ** -12); // 1 + 2^-11 + 2^-24
  const tiny = 2 ** -80;
  assertEquals(Math.fround(tie + tiny), 1 + 2 ** -11);
  assertEquals(fusedMultiplyAdd(1 + 2 ** -12, 1 + 2 ** -12, tiny), 1 + 2 ** -11 + 2 ** -23);
  assertEquals(fusedMultiplyAdd(1 + 2 ** -12, 1 + 2 ** -12, -tiny), 1 + 2 ** -11);
  assertEquals(fusedMultiplyAdd(1 + 2 ** -12, 1 + 2 ** -12, 0), 1 + 2 ** -11);
});

test("fusedMultiplyAdd() equals exact rational arithmetic on random numbers", () => {
  forCases(2000, (random) => {
    const number = () => Math.fround((random.unit() - 0.5) * 2 ** random.integer(-12, 12));
    const [a, b, c] = [number(), number(), number()];
    // All three are integers times 2^-80, so the sum is exact as a bigint times 2^-160.
    const integer = (value: number) => BigInt(value * 2 ** 80);
    const exact = integer(a) * integer(b) + integer(c) * (1n << 80n);
    const result = fusedMultiplyAdd(a, b, c);
    const error = (value: number) => {
      const difference = integer(value) * (1n << 80n) - exact;
      return difference < 0n ? -difference : difference;
    };
    const step = Math.fround(Math.abs(result) * 2 ** -23);
    for (const neighbour of [Math.fround(result + step), Math.fround(result - step)]) {
      assertEquals(error(result) <= error(neighbour), true, `${a} * ${b} + ${c}`);
    }
  });
});

test("rotate() makes dot products depend on the distance alone", () => {
  forCases(20, (random) => {
    const headDim = 16;
    const table = rotaryTable([1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003], 1, 64);
    const [query, key] = [random.floats(headDim), random.floats(headDim)];
    const score = (at: number, seen: number) =>
      rotate(query, table, at).reduce((sum, value, i) => sum + value * rotate(key, table, seen)[i]!, 0);
    assertAlmostEquals(score(9, 4), score(59, 54), 1e-9);
  });
});

test("attention() returns a token's own value when the window is 1", () => {
  forCases(5, (random) => {
    const values = random.floats(5 * 4);
    const output = attention({
      queries: random.floats(2 * 8),
      keys: random.floats(5 * 4),
      values,
      heads: 2,
      kvHeads: 1,
      headDim: 4,
      scale: 1,
      slidingWindow: 1,
    });
    const own = (position: number) => [...values.subarray(position * 4, position * 4 + 4)];
    assertEquals([...output], [...own(3), ...own(3), ...own(4), ...own(4)]);
  });
});

test("distribution() keeps the tokens that top-k, top-p and min-p keep", () => {
  const logits = [0.5, 0.25, 0.125, 0.0625, 0.0625].map(Math.log);
  assertEquals(distribution(logits, { ...PLAIN_ROW, topK: 4 }).tokens, [0, 1, 2, 3]);
  assertEquals(distribution(logits, { ...PLAIN_ROW, topP: 0.7 }).tokens, [0, 1]);
  assertEquals(distribution(logits, { ...PLAIN_ROW, topP: 0.76 }).tokens, [0, 1, 2]);
  assertEquals(distribution(logits, { ...PLAIN_ROW, minP: 0.2 }).tokens, [0, 1, 2]);
  assertEquals(distribution(logits, { ...PLAIN_ROW, temperature: 0, output: [0], frequencyPenalty: 2 }).tokens, [1]);
});

test("draw() follows the probabilities", () => {
  const from = distribution([Math.log(0.2), Math.log(0.5), Math.log(0.3)], PLAIN_ROW);
  const counts = [0, 0, 0];
  for (let position = 0; position < 4000; position++) counts[draw(from, uniformAt(7n, position)).token]!++;
  for (const [token, expected] of [0.2, 0.5, 0.3].entries()) assertAlmostEquals(counts[token]! / 4000, expected, 0.03);
});
