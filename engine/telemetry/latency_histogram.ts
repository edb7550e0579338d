/**
 * Distributions of times in bounded space.
 *
 * @module
 */
import { DDSketch } from "@datadog/sketches-js";

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
 * Counts times in logarithmic bins (DDSketch, Masson et al. 2019). From a microsecond to a day there are some 1300
 * bins, so bins are never merged, and the error bound holds for all times.
 *
 * @example
 * ```ts
 * const histogram = new LatencyHistogram();
 * for (const milliseconds of [1, 2, 3]) histogram.record(milliseconds);
 * console.log(histogram.summary().p50); // 2, give or take 1 %
 * ```
 */
export class LatencyHistogram {
  readonly #sketch = new DDSketch({ relativeAccuracy: LATENCY_RELATIVE_ERROR });

  /**
   * Record a time.
   *
   * @param milliseconds The time, 0 or more, in whole microseconds.
   */
  record(milliseconds: number): void {
    this.#sketch.accept(milliseconds);
  }

  /** The distribution so far. */
  summary(): LatencySummary {
    const { count, min, max, sum } = this.#sketch;
    if (count === 0) return NOTHING;
    // The middle of a bin may lie beyond its last value.
    const quantile = (q: number) => Math.min(Math.max(this.#sketch.getValueAtQuantile(q), min), max);
    return {
      count,
      min,
      max,
      mean: sum / count,
      p50: quantile(0.5),
      p90: quantile(0.9),
      p95: quantile(0.95),
      p99: quantile(0.99),
    };
  }
}
