/**
 * Sampling as plain code in float64: the reference for `upbeat_sample`.
 *
 * @module
 */

import { TOKEN } from "../../../ffi/abi.ts";
import { softmax, type Vector } from "./reference_ops.ts";

/** How one token is chosen. */
export interface SamplingRow {
  /** 0: the largest logit. */
  readonly temperature: number;
  /** 0: off. */
  readonly topK: number;
  /** 1: off. */
  readonly topP: number;
  /** 0: off. */
  readonly minP: number;
  /** 1: off; over prompt and output. */
  readonly repetitionPenalty: number;
  /** 0: off; over output. */
  readonly presencePenalty: number;
  /** 0: off; over output. */
  readonly frequencyPenalty: number;
  /** 64 bits. */
  readonly seed: bigint;
  /** The token's position in its sequence. */
  readonly position: number;
  /** Tokens of the prompt. */
  readonly prompt: readonly number[];
  /** Tokens generated so far. */
  readonly output: readonly number[];
  /** Added to logits: token and value. */
  readonly bias: readonly (readonly [token: number, value: number])[];
}

/** A row that does not change the distribution: temperature 1, everything else off. */
export const PLAIN_ROW: SamplingRow = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  seed: 0n,
  position: 0,
  prompt: [],
  output: [],
  bias: [],
};

/** The distribution that a token is drawn from; empty when no logit is finite. */
export interface Distribution {
  /** The tokens that can be drawn, ascending. */
  readonly tokens: number[];
  /** The probability of each, adding up to 1. */
  readonly probabilities: number[];
}

/**
 * Logits with bias and penalties.
 *
 * @param logits `[vocabulary]`.
 * @param row How the token is chosen.
 * @returns `[vocabulary]`; NaN became -Infinity.
 */
export function penalize(logits: Vector, row: SamplingRow): Float64Array {
  const penalized = Float64Array.from(logits, (logit) => Number.isNaN(logit) ? -Infinity : logit);
  for (const [token, value] of row.bias) penalized[token]! += value;
  for (const token of new Set([...row.prompt, ...row.output])) {
    const logit = penalized[token]!;
    penalized[token] = logit > 0 ? logit / row.repetitionPenalty : logit * row.repetitionPenalty;
  }
  for (const token of row.output) penalized[token]! -= row.frequencyPenalty;
  for (const token of new Set(row.output)) penalized[token]! -= row.presencePenalty;
  return penalized;
}

/**
 * The tokens that can be drawn, with their probabilities: temperature, then top-k, top-p, min-p. A temperature of 0
 * leaves the one token with the largest logit, the lowest id among equals.
 *
 * @param logits `[vocabulary]`.
 * @param row How the token is chosen.
 * @returns The distribution.
 */
export function distribution(logits: Vector, row: SamplingRow): Distribution {
  const penalized = penalize(logits, row);
  if (!penalized.some(Number.isFinite)) return { tokens: [], probabilities: [] };
  const ranked = Array.from(penalized, (logit, token) => ({ token, logit }))
    .filter(({ logit }) => logit > -Infinity)
    .sort((a, b) => b.logit - a.logit || a.token - b.token);
  if (row.temperature === 0) return { tokens: [ranked[0]!.token], probabilities: [1] };

  let kept = row.topK > 0 ? ranked.slice(0, row.topK) : ranked;
  const probabilities = softmax(kept.map(({ logit }) => logit / row.temperature));
  let count = kept.length;
  if (row.topP < 1) {
    let mass = probabilities[0]!;
    for (count = 1; count < kept.length && mass < row.topP; count++) mass += probabilities[count]!;
  }
  kept = kept.slice(0, count).filter((_, rank) => probabilities[rank]! >= row.minP * probabilities[0]!);

  const chances = kept.map(({ token }, rank) => ({ token, probability: probabilities[rank]! }));
  chances.sort((a, b) => a.token - b.token);
  const sum = chances.reduce((total, { probability }) => total + probability, 0);
  return {
    tokens: chances.map(({ token }) => token),
    probabilities: chances.map(({ probability }) => probability / sum),
  };
}

/**
 * Draw by inverse CDF: the first token, in ascending order, at which the probabilities add up to more than `uniform`.
 *
 * @param from The distribution.
 * @param uniform 0 <= uniform < 1.
 * @returns The token, `TOKEN.NOT_FINITE` from an empty distribution, and how close `uniform` came to a boundary between two
 *   tokens (a probability).
 */
export function draw(from: Distribution, uniform: number): { token: number; margin: number } {
  let below = 0;
  for (const [index, token] of from.tokens.entries()) {
    const above = below + from.probabilities[index]!;
    const last = index === from.tokens.length - 1;
    if (uniform < above || last) {
      return { token, margin: Math.min(index === 0 ? 1 : uniform - below, last ? 1 : above - uniform) };
    }
    below = above;
  }
  return { token: TOKEN.NOT_FINITE, margin: 1 };
}

/**
 * The counter-based generator Philox4x32-10 (Salmon et al. 2011).
 *
 * @param counter Four 32-bit words.
 * @param key Two 32-bit words.
 * @returns Four random 32-bit words.
 */
export function philox(counter: readonly number[], key: readonly number[]): number[] {
  let [a, b, c, d] = counter.map((word) => BigInt(word >>> 0)) as [bigint, bigint, bigint, bigint];
  let [low, high] = key.map((word) => BigInt(word >>> 0)) as [bigint, bigint];
  const mask = 0xffffffffn;
  for (let round = 0; round < 10; round++) {
    const first = 0xd2511f53n * a;
    const second = 0xcd9e8d57n * c;
    [a, b, c, d] = [(second >> 32n) ^ b ^ low, second & mask, (first >> 32n) ^ d ^ high, first & mask];
    low = (low + 0x9e3779b9n) & mask;
    high = (high + 0xbb67ae85n) & mask;
  }
  return [a, b, c, d].map(Number);
}

/**
 * The uniform number of a seed and a position.
 *
 * @param seed 64 bits.
 * @param position The token's position.
 * @returns 0 <= u < 1, with 24 bits.
 */
export function uniformAt(seed: bigint, position: number): number {
  const key = [Number(seed & 0xffffffffn), Number((seed >> 32n) & 0xffffffffn)];
  return (philox([position, 0, 0, 0], key)[0]! >>> 8) * 2 ** -24;
}

/**
 * log(softmax(logits)), of the raw logits.
 *
 * @param logits `[vocabulary]`.
 * @returns `[vocabulary]`.
 */
export function logProbabilities(logits: Vector): Float64Array {
  const known = Float64Array.from(logits, (logit) => Number.isNaN(logit) ? -Infinity : logit);
  const largest = known.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = known.reduce((total, logit) => total + Math.exp(logit - largest), 0);
  return known.map((logit) => logit - largest - Math.log(sum));
}
