/**
 * When the next step has to be launched.
 *
 * What is launched cannot be changed any more, so a request that arrives behind the launch of a step waits for all of it.
 * The device needs the next step only when the last one ends; until shortly before, the launch can wait for requests, and
 * who arrives meanwhile is in it. Steps of like size take about the same time, so the end can be told in advance.
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

/** Of a step only this counts. */
export interface StepSize {
  /** Whether some prompt is in it. */
  readonly isPrefill: boolean;
  /** Tokens that it computes. */
  readonly tokens: number;
}

/** What the last steps of a kind took. */
class StepKind {
  readonly durations: { readonly tokens: number; readonly duration: number }[] = [];
  readonly launches: number[] = [];

  /** The least that a step takes: as long as the shortest, and less only where it has fewer tokens. */
  leastDuration(tokens: number): number | null {
    if (this.durations.length < LEAST_SAMPLES) return null;
    return Math.min(...this.durations.map((sample) => sample.duration * Math.min(1, tokens / sample.tokens)));
  }

  /** The most that its launch takes. */
  longestLaunch(): number | null {
    return this.launches.length < LEAST_SAMPLES ? null : Math.max(...this.launches);
  }
}

/** Foretells the ends of steps. All times are in milliseconds. */
export class LaunchTimer {
  readonly #decode = new StepKind();
  readonly #prefill = new StepKind();
  #lastEnd = -Infinity;
  #caution = 1;
  /** Whether the device had to wait for the step in flight, so that its end tells nothing of its duration. */
  #isLate = true;
  /** The same of the step behind it. */
  #isNextLate = true;

  /**
   * How long the launch of the step behind the one in flight can wait.
   *
   * @param inFlight The step in flight.
   * @param hasPrompts Whether the next one may be a prefill, whose launch takes longer.
   * @param now The time.
   * @returns Milliseconds; 0 where that cannot be told.
   */
  slack(inFlight: StepSize, hasPrompts: boolean, now: number): number {
    const duration = this.#kindOf(inFlight.isPrefill).leastDuration(inFlight.tokens);
    const launch = this.#kindOf(hasPrompts).longestLaunch();
    if (duration === null || launch === null) return 0;
    const reserve = Math.max(RESERVE.least, RESERVE.part * duration) * this.#caution;
    const slack = this.#lastEnd + duration - launch - reserve - now;
    return slack < SHORTEST_WAIT ? 0 : slack;
  }

  /**
   * A step was launched behind the one in flight.
   *
   * @param isPrefill Whether some prompt is in it.
   * @param cost How long that took; null: not known.
   * @param isLate Whether the step in flight had ended by then: the device had nothing to do.
   */
  launched(isPrefill: boolean, cost: number | null, isLate: boolean): void {
    this.#isNextLate = isLate;
    if (cost === null) return;
    add(this.#kindOf(isPrefill).launches, cost);
    if (isLate) this.#caution = Math.min(CAUTION.most, this.#caution * CAUTION.growth);
    else this.#caution = Math.max(1, this.#caution * CAUTION.decay);
  }

  /**
   * The step in flight has ended.
   *
   * @param step The step.
   * @param time When its tokens were known.
   */
  ended({ isPrefill, tokens }: StepSize, time: number): void {
    if (!this.#isLate) add(this.#kindOf(isPrefill).durations, { tokens, duration: time - this.#lastEnd });
    this.#lastEnd = time;
    this.#isLate = this.#isNextLate;
    this.#isNextLate = true;
  }

  #kindOf(isPrefill: boolean): StepKind {
    return isPrefill ? this.#prefill : this.#decode;
  }
}

/** Add to the last samples. */
function add<Sample>(samples: Sample[], sample: Sample): void {
  if (samples.push(sample) > SAMPLES) samples.shift();
}
