import { test } from "node:test";
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { inverseFrequencies } from "../../../engine/models/rope.ts";

test("inverseFrequencies() is theta to the power of -2i / headDim when nothing is scaled", () => {
  const frequencies = inverseFrequencies({ headDim: 8, rope: { theta: 10_000, scaling: { type: "none" } } });
  [1, 0.1, 0.01, 0.001].forEach((expected, i) => assertAlmostEquals(frequencies[i] as number, expected, 1e-15));
  assertEquals(frequencies.length, 4);
});

test("inverseFrequencies() divides every frequency when scaling is linear", () => {
  const frequencies = inverseFrequencies({
    headDim: 8,
    rope: { theta: 10_000, scaling: { type: "linear", factor: 4 } },
  });
  [0.25, 0.025, 0.0025, 0.00025].forEach((expected, i) =>
    assertAlmostEquals(frequencies[i] as number, expected, 1e-15)
  );
});

test("inverseFrequencies() keeps high, divides low and interpolates middle frequencies when scaling is llama3", () => {
  // Head size and parameters of Llama 3.1 8B. With wavelength w, high: w < 8192 / 4, low: w > 8192 / 1.
  const scaling = {
    type: "llama3",
    factor: 8,
    lowFrequencyFactor: 1,
    highFrequencyFactor: 4,
    originalMaxPositions: 8192,
  } as const;
  const plain = inverseFrequencies({ headDim: 128, rope: { theta: 500_000, scaling: { type: "none" } } });
  const scaled = inverseFrequencies({ headDim: 128, rope: { theta: 500_000, scaling } });
  const kinds = { kept: 0, divided: 0, between: 0 };
  plain.forEach((frequency, i) => {
    const wavelength = (2 * Math.PI) / frequency;
    const actual = scaled[i] as number;
    if (wavelength < 2048) {
      kinds.kept++;
      assertEquals(actual, frequency);
    } else if (wavelength > 8192) {
      kinds.divided++;
      assertEquals(actual, frequency / 8);
    } else {
      kinds.between++;
      assert(actual < frequency && actual > frequency / 8);
      const smooth = (8192 / wavelength - 1) / 3;
      assertAlmostEquals(actual, ((1 - smooth) / 8 + smooth) * frequency, 1e-18);
    }
  });
  // Pair i has the wavelength 2 * pi * theta^(i / 64): 2048 at i = 28.2, 8192 at i = 34.98.
  assertEquals(kinds, { kept: 29, between: 6, divided: 29 });
});
