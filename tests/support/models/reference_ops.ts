/**
 * Every op of `upbeat.h` as plain code in float64: the reference for the libraries' kernels. Matrices are row-major and
 * flat.
 *
 * @module
 */

/** Input numbers of any width. */
export type Vector = ArrayLike<number>;

/** Row `row` of a matrix. */
function rowOf(matrix: Vector, row: number, columns: number): Float64Array {
  return Float64Array.from({ length: columns }, (_, column) => matrix[row * columns + column]!);
}

function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/**
 * Rows of a matrix; a negative index gives a row of zeros.
 *
 * @param matrix `[any, columns]`: an embedding, or activations.
 * @param columns Its width.
 * @param indices Which rows.
 * @returns `[indices, columns]`.
 */
export function gatherRows(matrix: Vector, columns: number, indices: Vector): Float64Array {
  const output = new Float64Array(indices.length * columns);
  for (let r = 0; r < indices.length; r++) {
    if (indices[r]! >= 0) output.set(rowOf(matrix, indices[r]!, columns), r * columns);
  }
  return output;
}

/**
 * Root mean square normalization (Zhang and Sennrich 2019): input / sqrt(mean(input^2) + epsilon) * weight.
 *
 * @param input `[rows, columns]`.
 * @param weight `[columns]`.
 * @param epsilon Keeps a row of zeros finite.
 * @returns `[rows, columns]`.
 */
export function rmsNorm(input: Vector, weight: Vector, epsilon: number): Float64Array {
  const columns = weight.length;
  const output = new Float64Array(input.length);
  for (let r = 0; r < input.length / columns; r++) {
    const row = rowOf(input, r, columns);
    const scale = 1 / Math.sqrt(dot(row, row) / columns + epsilon);
    for (let c = 0; c < columns; c++) output[r * columns + c] = row[c]! * scale * weight[c]!;
  }
  return output;
}

/**
 * input * transpose(weight) + bias + residual.
 *
 * @param weight `[outputs, columns]`.
 * @param columns Inputs of the weight.
 * @param input `[rows, columns]`.
 * @param bias `[outputs]`, or null.
 * @param residual `[rows, outputs]`, or null.
 * @returns `[rows, outputs]`.
 */
export function linear(
  weight: Vector,
  columns: number,
  input: Vector,
  bias: Vector | null,
  residual: Vector | null,
): Float64Array {
  const outputs = weight.length / columns;
  const rows = input.length / columns;
  const output = new Float64Array(rows * outputs);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < outputs; o++) {
      let sum = 0;
      for (let c = 0; c < columns; c++) sum += input[r * columns + c]! * weight[o * columns + c]!;
      output[r * outputs + o] = sum + (bias?.[o] ?? 0) + (residual?.[r * outputs + o] ?? 0);
    }
  }
  return output;
}

/** Adds the products of one output element in float32: `columns` of each operand, from the given offsets on. */
export type SumOfProducts = (
  input: Vector,
  inputOffset: number,
  weight: Vector,
  weightOffset: number,
  columns: number,
) => number;

/**
 * Products in ascending order of the column, from zero.
 *
 * @param add How a product joins its sum: {@linkcode fusedMultiplyAdd}, or {@linkcode multiplyAndAdd} on a machine
 * without it.
 * @returns The sum.
 */
export function ascending(add: (a: number, b: number, c: number) => number): SumOfProducts {
  return (input, inputOffset, weight, weightOffset, columns) => {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum = add(input[inputOffset + c]!, weight[weightOffset + c]!, sum);
    return sum;
  };
}

const float32 = new Float32Array(1);
const float32Bits = new Uint32Array(float32.buffer);

/** The BF16 number of a float32's upper half. */
function upperHalf(value: number): number {
  float32[0] = value;
  float32Bits[0] = (float32Bits[0]! & 0xffff0000) >>> 0;
  return float32[0]!;
}

/**
 * The order of AMX (Intel SDM, TDPBF16PS): an input is three BF16 terms; for 32 columns and each term, a chain of even
 * and one of odd products is added, then the two, then the sum so far.
 */
export const tileByTile: SumOfProducts = (input, inputOffset, weight, weightOffset, columns) => {
  let sum = 0;
  for (let start = 0; start < columns; start += 32) {
    const chains = [[0, 0], [0, 0], [0, 0]];
    for (let c = start; c < Math.min(start + 32, columns); c++) {
      let rest = input[inputOffset + c]!;
      for (const chain of chains) {
        const term = upperHalf(rest);
        chain[c % 2] = fusedMultiplyAdd(term, weight[weightOffset + c]!, chain[c % 2]!);
        rest = Math.fround(rest - term);
      }
    }
    for (const [even, odd] of chains) sum = Math.fround(sum + Math.fround(even! + odd!));
  }
  return sum;
};

/**
 * {@linkcode linear} with the roundings of the libraries, bit for bit: in float32, a sum of products; then the bias;
 * then the residual.
 *
 * @param weight `[outputs, columns]`, float32 values.
 * @param columns Inputs of the weight.
 * @param input `[rows, columns]`, float32 values.
 * @param bias `[outputs]`, or null.
 * @param residual `[rows, outputs]`, or null.
 * @param sumOfProducts The order of the sum.
 * @returns `[rows, outputs]`.
 */
export function linearRounded(
  weight: Vector,
  columns: number,
  input: Vector,
  bias: Vector | null,
  residual: Vector | null,
  sumOfProducts: SumOfProducts,
): Float32Array {
  const outputs = weight.length / columns;
  const rows = input.length / columns;
  const output = new Float32Array(rows * outputs);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < outputs; o++) {
      let sum = sumOfProducts(input, r * columns, weight, o * columns, columns);
      if (bias !== null) sum = Math.fround(sum + bias[o]!);
      if (residual !== null) sum = Math.fround(sum + residual[r * outputs + o]!);
      output[r * outputs + o] = sum;
    }
  }
  return output;
}

const float64 = new Float64Array(1);
/** Its low and high halves. */
const words = new Uint32Array(float64.buffer);

/**
 * fround(a * b + c) with one rounding, for float32 values.
 *
 * The product of two float32 is exact in float64. The sum is not: rounding it to float64 and then to float32 goes wrong
 * where the first rounding lands on a tie of the second, so the first is made "to odd" (Boldo and Melquiond 2008).
 *
 * @param a A float32 value.
 * @param b A float32 value.
 * @param c A float32 value.
 * @returns The float32 next to a * b + c.
 */
export function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  // The exact rounding error of the sum (Knuth's TwoSum).
  const part = sum - product;
  const lost = (product - (sum - part)) + (c - part);
  if (lost === 0) return Math.fround(sum);
  float64[0] = sum;
  const low = words[0]!;
  if ((low & 1) === 0) {
    const away = lost > 0 === sum > 0;
    if (!away && low === 0) words[1]!--;
    words[0] = away ? low + 1 : low - 1;
  }
  return Math.fround(float64[0]!);
}

/**
 * a * b + c of float32 values, the product rounded and then the sum.
 *
 * @param a A float32 value.
 * @param b A float32 value.
 * @param c A float32 value.
 * @returns A float32 value.
 */
export function multiplyAndAdd(a: number, b: number, c: number): number {
  return Math.fround(Math.fround(a * b) + c);
}

/**
 * The cosines and sines of rotary embedding.
 *
 * @param inverseFrequencies `[headDim / 2]`.
 * @param scale Multiplies all of them (1 but for YaRN).
 * @param positions How many.
 * @returns `[positions, headDim]`: the cosine of pair i at [p, i], the sine at [p, headDim / 2 + i].
 */
export function rotaryTable(inverseFrequencies: Vector, scale: number, positions: number): Float64Array {
  const half = inverseFrequencies.length;
  const table = new Float64Array(positions * 2 * half);
  for (let p = 0; p < positions; p++) {
    for (let i = 0; i < half; i++) {
      table[p * 2 * half + i] = Math.cos(p * inverseFrequencies[i]!) * scale;
      table[p * 2 * half + half + i] = Math.sin(p * inverseFrequencies[i]!) * scale;
    }
  }
  return table;
}

/**
 * Rotary embedding (Su et al. 2021) of one head's vector, in the half-split form: each pair (i, i + headDim / 2) is
 * rotated by the angle of its frequency.
 *
 * @param vector `[headDim]`.
 * @param table From {@linkcode rotaryTable}.
 * @param position Which row of the table.
 * @returns `[headDim]`.
 */
export function rotate(vector: Vector, table: Vector, position: number): Float64Array {
  const headDim = vector.length;
  const half = headDim / 2;
  const output = new Float64Array(headDim);
  for (let i = 0; i < half; i++) {
    const cosine = table[position * headDim + i]!;
    const sine = table[position * headDim + half + i]!;
    output[i] = vector[i]! * cosine - vector[half + i]! * sine;
    output[half + i] = vector[half + i]! * cosine + vector[i]! * sine;
  }
  return output;
}

/** Operands of {@linkcode rotaryHeads}. */
export interface RotaryHeads {
  /** `[rows, heads * headDim]`: the queries or the keys. */
  readonly input: Vector;
  /** `[rows]`. */
  readonly positions: Vector;
  readonly headDim: number;
  /** From {@linkcode rotaryTable}. */
  readonly table: Vector;
  /** Weight of a per-head RMSNorm before the rotation, `[headDim]`, or null. */
  readonly norm: Vector | null;
  readonly epsilon: number;
}

/**
 * Queries or keys as attention sees them: each head normalized (when there is a norm), then rotated.
 *
 * @param heads The vectors.
 * @returns The same shape.
 */
export function rotaryHeads(heads: RotaryHeads): Float64Array {
  const { input, positions, headDim, table, norm, epsilon } = heads;
  const output = new Float64Array(input.length);
  const headsPerRow = input.length / headDim / positions.length;
  for (let h = 0; h < input.length / headDim; h++) {
    const vector = rowOf(input, h, headDim);
    const normed = norm === null ? vector : rmsNorm(vector, norm, epsilon);
    output.set(rotate(normed, table, positions[Math.floor(h / headsPerRow)]!), h * headDim);
  }
  return output;
}

/** One sequence's attention. */
export interface AttentionSequence {
  /** The last rows of the sequence, `[rows, heads * headDim]`. */
  readonly queries: Vector;
  /** All of the sequence, `[length, kvHeads * headDim]`. */
  readonly keys: Vector;
  /** All of the sequence, `[length, kvHeads * headDim]`. */
  readonly values: Vector;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Multiplies q.k. */
  readonly scale: number;
  /** How many of the last keys a query sees, itself included; 0: all. */
  readonly slidingWindow: number;
}

/**
 * Causal attention with grouped queries of one sequence: softmax(scale * q.k) * v over the keys that each query sees.
 *
 * @param sequence Its queries, keys and values.
 * @returns `[rows, heads * headDim]`.
 */
export function attention(sequence: AttentionSequence): Float64Array {
  const { queries, keys, values, heads, kvHeads, headDim, scale, slidingWindow } = sequence;
  const rows = queries.length / (heads * headDim);
  const length = keys.length / (kvHeads * headDim);
  const output = new Float64Array(queries.length);
  for (let r = 0; r < rows; r++) {
    const position = length - rows + r;
    const first = slidingWindow > 0 ? Math.max(0, position - slidingWindow + 1) : 0;
    for (let h = 0; h < heads; h++) {
      const kvHead = Math.floor(h / (heads / kvHeads));
      const query = rowOf(queries, r * heads + h, headDim);
      const scores: number[] = [];
      for (let t = first; t <= position; t++) {
        scores.push(scale * dot(query, rowOf(keys, t * kvHeads + kvHead, headDim)));
      }
      for (const [index, probability] of softmax(scores).entries()) {
        const value = rowOf(values, (first + index) * kvHeads + kvHead, headDim);
        for (let d = 0; d < headDim; d++) output[(r * heads + h) * headDim + d]! += probability * value[d]!;
      }
    }
  }
  return output;
}

/**
 * exp(x) / sum(exp(x)), computed without overflow.
 *
 * @param values The x.
 * @returns Probabilities.
 */
export function softmax(values: Vector): Float64Array {
  const largest = Array.from(values).reduce((a, b) => Math.max(a, b), -Infinity);
  const exponentials = Float64Array.from(values, (value) => Math.exp(value - largest));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / sum);
}

/**
 * silu(gate) * up, silu(x) = x / (1 + exp(-x)).
 *
 * @param gateUp `[rows, 2 * columns]`: each row the gates, then the ups.
 * @param columns Half the width.
 * @returns `[rows, columns]`.
 */
export function siluMultiply(gateUp: Vector, columns: number): Float64Array {
  const output = new Float64Array(gateUp.length / 2);
  for (let i = 0; i < output.length; i++) {
    const gateAt = Math.floor(i / columns) * 2 * columns + i % columns;
    const gate = gateUp[gateAt]!;
    output[i] = gate / (1 + Math.exp(-gate)) * gateUp[gateAt + columns]!;
  }
  return output;
}
