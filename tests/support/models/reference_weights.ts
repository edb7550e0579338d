/**
 * Random weights as plain code in float64: the reference for `upbeat_weight_randomize`.
 *
 * @module
 */
import { philox } from "./reference_sampling.ts";

/**
 * The elements of a matrix, before they are rounded to its dtype.
 *
 * @param rows Rows.
 * @param columns Columns.
 * @param scale Elements are between -scale and scale.
 * @param seed Two int32.
 * @returns `[rows, columns]`, row-major.
 */
export function randomWeights(
  rows: number,
  columns: number,
  scale: number,
  seed: readonly [low: number, high: number],
): Float32Array {
  const key = seed.map((word) => word >>> 0);
  const factor = Math.fround(scale);
  const elements = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += 4) {
      const words = philox([column / 4, row, 0, 1], key);
      for (let i = 0; i < Math.min(4, columns - column); i++) {
        const uniform = (2 * (words[i]! >>> 8) + 1 - 2 ** 24) / 2 ** 24;
        elements[row * columns + column + i] = uniform * factor;
      }
    }
  }
  return elements;
}
