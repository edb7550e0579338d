/**
 * How times are distributed, in little space however many there are.
 *
 * @module
 */
import { DDSketch } from "@datadog/sketches-js";

/** By how much a quantile of a {@linkcode LatencySummary} may differ from the exact one, as a part of the latter. */
export const LATENCY_RELATIVE_ERROR = 0.01;

/**
 * A distribution of times in milliseconds; null where there is none. `count`, `min`, `max` and `mean` are exact. A quantile
 * q is the value of rank ⌊q (count − 1)⌋, counted from 0, within {@linkcode LATENCY_RELATIVE_ERROR} of it.
 */
export interface LatencySummary {
  /** How many times were measured. */
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
 * Counts times in logarithmic bins (DDSketch, Masson et al. 2019). From a microsecond to a day there are some 1300 bins, so
 * none are ever joined, and the error holds for all times.
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
   * Count a time.
   *
   * @param milliseconds The time, 0 or more, in whole microseconds.
   */
  record(milliseconds: number): void {
    this.#sketch.accept(milliseconds);
  }

  /** What was counted so far. */
  summary(): LatencySummary {
    const { count, min, max, sum } = this.#sketch;
    if (count === 0) return NOTHING;
    // A bin's middle may lie beyond the last value in it.
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
