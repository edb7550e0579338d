/**
 * When the next step has to be launched.
 *
 * What is launched cannot be changed any more, so a request that arrives behind the launch of a step waits for all of it.
 * The device needs the next step only when the last one ends; until shortly before, its launch can wait, and who arrives
 * meanwhile is in it. Steps of like size take about the same time, so the end can be told in advance.
 *
 * How much is kept in reserve is learned, so that about every fifth launch that has waited would be too late if durations
 * were at random: each that was raises the reserve by more than each that was not lowers it (a stochastic approximation of a
 * quantile; Robbins and Monro, 1951). Where steps take the same time, the least reserve is enough and none is late.
 *
 * @module
 */

/** As many of the last steps and launches are looked at. */
const SAMPLES = 8;

/** With fewer samples nothing is foretold. */
const LEAST_SAMPLES = 4;

/** The part of a step's duration that is kept in reserve at least, and the least of it in milliseconds. */
const RESERVE = { part: 0.1, least: 0.1 } as const;

/** A shorter wait than this, in milliseconds, is not worth it. */
const SHORTEST_WAIT = 0.1;

/** Nor is any wait where a step takes less than this, in milliseconds: who comes behind its launch loses no more. */
const SHORTEST_STEP = 0.5;

/** The part of the time left after which messages are looked at again: the launch of a prompt takes longer. */
const NEXT_LOOK = 0.75;

/** The part of a step's duration that the dispatch of sampling may take. */
const LONGEST_DISPATCH = 0.5;

/** The reserve grows with each launch that waited too long, and shrinks slowly while none does. */
const CAUTION = { most: 8, growth: 1.2, decay: 0.95 } as const;

/** Of a step only this counts. */
export interface StepSize {
  /** Whether some prompt is in it. */
  readonly isPrefill: boolean;
  /** Tokens that it computes. */
  readonly tokens: number;
}

/** The launch of a step. */
export interface Launch {
  /** Whether some prompt is in the step. */
  readonly isPrefill: boolean;
  /** When it began. */
  readonly start: number;
  /** When it was done. */
  readonly end: number;
  /** By then, whether the step before still ran, had ended without having been read, or was over, if there was one. */
  readonly device: "busy" | "done" | "idle";
  /** Whether it has waited. Where it has not, it is not late for that. */
  readonly hasWaited: boolean;
}

/** What the last steps of a kind took. */
class StepKind {
  readonly durations: { readonly tokens: number; readonly duration: number }[] = [];
  readonly launches: number[] = [];

  /** What a step takes: as long as the median, and less only where it has fewer tokens. */
  usualDuration(tokens: number): number | null {
    if (this.durations.length < LEAST_SAMPLES) return null;
    return median(this.durations.map((sample) => sample.duration * Math.min(1, tokens / sample.tokens)));
  }

  /** What its launch takes. */
  usualLaunch(): number | null {
    return this.launches.length < LEAST_SAMPLES ? null : median([...this.launches]);
  }
}

/** Foretells the ends of steps. All times are in milliseconds. */
export class StepTimeEstimator {
  readonly #decode = new StepKind();
  readonly #prefill = new StepKind();
  readonly #dispatches: number[] = [];
  /** When the step in flight began. */
  #begin = -Infinity;
  /** When the step behind it began, where the device had to wait for its launch; null: it begins when this one ends. */
  #nextBegin: number | null = null;
  #caution = 1;

  /**
   * Whether a step takes so little that no launch waits for it.
   *
   * @param step The step in flight.
   */
  isShort(step: StepSize): boolean {
    const duration = this.#usualDuration(step);
    return duration !== null && duration < SHORTEST_STEP;
  }

  /**
   * How long the launch of the step behind the one in flight can wait until it is to be asked again.
   *
   * @param inFlight The step in flight.
   * @param hasPrompts Whether the next one may be a prefill, whose launch takes longer.
   * @param now The time.
   * @returns Milliseconds; 0 where the time has come, or where that cannot be told.
   */
  slack(inFlight: StepSize, hasPrompts: boolean, now: number): number {
    const duration = this.#usualDuration(inFlight);
    const launch = this.#kindOf(hasPrompts).usualLaunch();
    if (duration === null || launch === null || duration < SHORTEST_STEP) return 0;
    // Where the launch has waited, sampling is dispatched when the step in flight has ended: within the next forward pass.
    if (Math.max(...this.#dispatches) > LONGEST_DISPATCH * duration) return 0;
    const reserve = Math.max(RESERVE.least, RESERVE.part * duration) * this.#caution;
    const slack = this.#begin + duration - launch - reserve - now;
    return slack < SHORTEST_WAIT ? 0 : Math.max(SHORTEST_WAIT, NEXT_LOOK * slack);
  }

  /**
   * A step was launched.
   *
   * @param launch The launch.
   */
  launched({ isPrefill, start, end, device, hasWaited }: Launch): void {
    add(this.#kindOf(isPrefill).launches, end - start);
    if (device === "idle") this.#begin = end;
    else this.#nextBegin = device === "done" ? end : null;
    if (device === "busy") this.#caution = Math.max(1, this.#caution * CAUTION.decay);
    else if (hasWaited) this.#caution = Math.min(CAUTION.most, this.#caution * CAUTION.growth);
  }

  /**
   * Sampling was dispatched.
   *
   * @param cost How long that took.
   */
  dispatched(cost: number): void {
    add(this.#dispatches, cost);
  }

  /**
   * The step in flight has ended, and the one behind it begins, if there is one.
   *
   * @param step The step.
   * @param time When its tokens were known.
   */
  ended({ isPrefill, tokens }: StepSize, time: number): void {
    if (this.#begin > -Infinity) add(this.#kindOf(isPrefill).durations, { tokens, duration: time - this.#begin });
    this.#begin = this.#nextBegin ?? time;
    this.#nextBegin = null;
  }

  #usualDuration({ isPrefill, tokens }: StepSize): number | null {
    return this.#kindOf(isPrefill).usualDuration(tokens);
  }

  #kindOf(isPrefill: boolean): StepKind {
    return isPrefill ? this.#prefill : this.#decode;
  }
}

/** The lower one of two in the middle; the values are sorted in place. */
function median(values: number[]): number {
  return values.sort((a, b) => a - b)[(values.length - 1) >> 1]!;
}

/** Add to the last samples. */
function add<Sample>(samples: Sample[], sample: Sample): void {
  if (samples.push(sample) > SAMPLES) samples.shift();
}
