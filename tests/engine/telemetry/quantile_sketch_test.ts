import { assertEquals, assertLess } from "@std/assert";
import { test } from "node:test";
import { QuantileSketch } from "../../../engine/telemetry/quantile_sketch.ts";
import { randomFrom } from "../../support/damage.ts";

test("quantile() is the number of that rank, to within the relative error", () => {
  const seed = 20_261_203;
  const random = randomFrom(seed);
  for (const error of [0.01, 0.1]) {
    for (const count of [1, 2, 7, 1000]) {
      const sketch = new QuantileSketch(error);
      const values = Array.from({ length: count }, () => random(10) === 0 ? 0 : 10 ** (random(14_000) / 1000 - 5));
      for (const value of values) sketch.record(value);
      values.sort((a, b) => a - b);
      for (let percent = 0; percent <= 100; percent++) {
        const exact = values[Math.floor((percent / 100) * (count - 1))]!;
        const difference = Math.abs(sketch.quantile(percent / 100) - exact);
        assertLess(difference, exact * error * (1 + 1e-9) + 1e-300, `seed ${seed}, ${percent} % of ${count}`);
      }
      assertEquals(sketch.count, count);
    }
  }
});

test("quantile() is NaN without numbers, and numbers beyond the bins are counted in the outermost", () => {
  const sketch = new QuantileSketch(0.01);
  assertEquals(sketch.quantile(0.5), NaN);
  for (const value of [1e-300, 1, 1e300]) sketch.record(value);
  assertLess(sketch.quantile(0), 2e-6);
  assertLess(Math.abs(sketch.quantile(0.5) - 1), 0.011);
  assertLess(1e11, sketch.quantile(1));
});
