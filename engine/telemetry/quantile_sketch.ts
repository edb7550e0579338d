/**
 * Quantiles of numbers that are counted and not kept.
 *
 * @module
 */

/** The smallest and the largest number that are told apart: a nanosecond and 30 years, in milliseconds. */
const [SMALLEST, LARGEST] = [1e-6, 1e12];

/**
 * Counts numbers in bins whose width grows with them, so that each is known to within a relative error ("DDSketch: A Fast
 * and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", Masson et al. 2019). With an error of 1 % there are
 * 2,070 bins from {@linkcode SMALLEST} to {@linkcode LARGEST}; numbers beyond them are counted in the outermost bins.
 *
 * @example
 * ```ts
 * const sketch = new QuantileSketch(0.01);
 * for (const value of [1, 2, 3]) sketch.record(value);
 * console.log(sketch.quantile(0.5)); // 2, give or take 1 %
 * ```
 */
export class QuantileSketch {
  /** Numbers recorded. */
  count = 0;
  /** The ratio between the ends of a bin. */
  readonly #ratio: number;
  readonly #logRatio: number;
  /** Index of the first bin. */
  readonly #first: number;
  readonly #bins: Float64Array;
  #zeros = 0;

  /** @param relativeError The error of a quantile, at most, relative to it; between 0 and 1. */
  constructor(relativeError: number) {
    this.#ratio = (1 + relativeError) / (1 - relativeError);
    this.#logRatio = Math.log(this.#ratio);
    this.#first = this.#index(SMALLEST);
    this.#bins = new Float64Array(this.#index(LARGEST) - this.#first + 1);
  }

  /** Bin i has the numbers in (ratio^(i - 1), ratio^i]. */
  #index(value: number): number {
    return Math.ceil(Math.log(value) / this.#logRatio);
  }

  /**
   * Count a number.
   *
   * @param value 0 or more.
   */
  record(value: number): void {
    this.count++;
    if (!(value > 0)) {
      this.#zeros++;
      return;
    }
    const bin = this.#index(value) - this.#first;
    this.#bins[Math.max(0, Math.min(bin, this.#bins.length - 1))]! += 1;
  }

  /**
   * The number of rank ⌊q (count - 1)⌋, counted from 0, to within the relative error.
   *
   * @param q From 0 to 1.
   * @returns The number; NaN without any.
   */
  quantile(q: number): number {
    if (this.count === 0) return NaN;
    let left = Math.floor(q * (this.count - 1)) - this.#zeros;
    if (left < 0) return 0;
    for (let bin = 0; bin < this.#bins.length; bin++) {
      left -= this.#bins[bin]!;
      // The number of the bin that is equally far from both ends, relative to them.
      if (left < 0) return (2 * this.#ratio ** (bin + this.#first)) / (this.#ratio + 1);
    }
    return NaN;
  }
}
