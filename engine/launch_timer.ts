/**
 * When the next step has to be launched.
 *
 * What is launched cannot be changed any more, so a request that arrives behind the launch of a step waits for all of it.
 * The device needs the next step only when the last one ends; until shortly before, the launch can wait for requests, and
 * who arrives meanwhile is in it. Steps of the same number of decoding requests take about the same time, so the end can
 * be told in advance.
 *
 * @module
 */

/** As many of the last steps and launches are looked at. */
const SAMPLES = 8;

/** With fewer samples nothing is foretold. */
const LEAST_SAMPLES = 4;

/** The part of a step's duration that is kept in reserve, and the least of it in milliseconds. */
const RESERVE = { part: 0.2, least: 0.3 } as const;

/** A shorter wait than this, in milliseconds, is not worth it. */
const SHORTEST_WAIT = 0.2;

/** The reserve grows with each launch that came too late, and shrinks slowly while none does. */
const CAUTION = { most: 8, growth: 2, decay: 0.98 } as const;

/** Foretells the ends of decode steps. All times are in milliseconds. */
export class LaunchTimer {
  /** Requests in the steps that `#durations` are of. */
  #rows = 0;
  readonly #durations: number[] = [];
  readonly #launches: number[] = [];
  #lastEnd = -Infinity;
  #caution = 1;
  /** Whether the device had to wait for the step in flight, so that its end tells nothing of its duration. */
  #isLate = true;
  /** The same of the step behind it. */
  #isNextLate = true;

  /**
   * How long the launch of the step behind the one in flight can wait.
   *
   * @param rows Requests in the step in flight, all decoding.
   * @param now The time.
   * @returns Milliseconds; 0 where that cannot be told.
   */
  slack(rows: number, now: number): number {
    if (rows !== this.#rows || this.#durations.length < LEAST_SAMPLES) return 0;
    const duration = Math.min(...this.#durations);
    const reserve = Math.max(RESERVE.least, RESERVE.part * duration) * this.#caution;
    const slack = this.#lastEnd + duration - Math.max(...this.#launches) - reserve - now;
    return slack < SHORTEST_WAIT ? 0 : slack;
  }

  /**
   * A step was launched behind the one in flight.
   *
   * @param cost How long that took; null where it was no decode step.
   * @param isLate Whether the step in flight had ended by then: the device had nothing to do.
   */
  launched(cost: number | null, isLate: boolean): void {
    this.#isNextLate = isLate;
    if (cost === null) return;
    add(this.#launches, cost);
    if (isLate) this.#caution = Math.min(CAUTION.most, this.#caution * CAUTION.growth);
    else this.#caution = Math.max(1, this.#caution * CAUTION.decay);
  }

  /**
   * The step in flight has ended.
   *
   * @param rows Requests in it where all of them were decoding, else 0.
   * @param time When its tokens were known.
   */
  ended(rows: number, time: number): void {
    if (rows !== this.#rows) this.#durations.length = 0;
    this.#rows = rows;
    if (rows > 0 && !this.#isLate) add(this.#durations, time - this.#lastEnd);
    this.#lastEnd = time;
    this.#isLate = this.#isNextLate;
    this.#isNextLate = true;
  }
}

/** Add to the last samples. */
function add(samples: number[], sample: number): void {
  if (samples.push(sample) > SAMPLES) samples.shift();
}
