/**
 * Distributions of times in bounded space.
 *
 * @module
 */
import { QuantileSketch } from "./quantile_sketch.ts";

/** The relative error of a quantile in a {@linkcode LatencySummary}, at most. */
export const LATENCY_RELATIVE_ERROR = 0.01;

/**
 * A distribution of times in milliseconds; null without any. `count`, `min`, `max` and `mean` are exact. A quantile q
 * is the value of rank ⌊q (count − 1)⌋, counted from 0, to within {@linkcode LATENCY_RELATIVE_ERROR}.
 */
export interface LatencySummary {
  /** Number of measurements. */
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

const NOTHING: LatencySummary = {
  count: 0,
  min: null,
  max: null,
  mean: null,
  p50: null,
  p90: null,
  p95: null,
  p99: null,
};

/**
 * Counts times, as {@linkcode QuantileSketch} does.
 *
 * @example
 * ```ts
 * const histogram = new LatencyHistogram();
 * for (const milliseconds of [1, 2, 3]) histogram.record(milliseconds);
 * console.log(histogram.summary().p50); // 2, give or take 1 %
 * ```
 */
export class LatencyHistogram {
  readonly #sketch = new QuantileSketch(LATENCY_RELATIVE_ERROR);
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;

  /**
   * Record a time.
   *
   * @param milliseconds The time, 0 or more, in whole microseconds.
   */
  record(milliseconds: number): void {
    this.#sketch.record(milliseconds);
    this.#sum += milliseconds;
    this.#min = Math.min(this.#min, milliseconds);
    this.#max = Math.max(this.#max, milliseconds);
  }

  /** The distribution so far. */
  summary(): LatencySummary {
    const { count } = this.#sketch;
    if (count === 0) return NOTHING;
    const [min, max] = [this.#min, this.#max];
    // The middle of a bin may lie beyond its last value.
    const quantile = (q: number) => Math.min(Math.max(this.#sketch.quantile(q), min), max);
    return {
      count,
      min,
      max,
      mean: this.#sum / count,
      p50: quantile(0.5),
      p90: quantile(0.9),
      p95: quantile(0.95),
      p99: quantile(0.99),
    };
  }
}
