/**
 * Predicts when the step in flight ends, and so how long the launch of the next one can wait.
 *
 * Steps of similar size take about the same time: the prediction is the median of recent steps, minus the usual cost of a
 * launch and a reserve. The reserve is learned: a late launch raises it by more than a timely one lowers it, so that with
 * random durations about one delayed launch in five would be late (a stochastic approximation of a quantile; Robbins and
 * Monro, 1951). Where steps take equally long, the smallest reserve suffices and no launch is late.
 *
 * @module
 */

/** Number of recent samples kept. */
const SAMPLES = 8;

/** With fewer samples nothing is predicted. */
const LEAST_SAMPLES = 4;

/** Smallest reserve: a share of the step's duration, and milliseconds. */
const RESERVE = { part: 0.1, least: 0.1 } as const;

/** Shortest wait worth its cost, in milliseconds. */
const SHORTEST_WAIT = 0.1;

/** Steps shorter than this, in milliseconds, are launched at once: a request that misses one loses no more than that. */
const SHORTEST_STEP = 0.5;

/** Share of the remaining time after which commands are checked again, as the launch of a prompt takes longer. */
const NEXT_LOOK = 0.75;

/** Largest share of a step's duration that the dispatch of sampling may take for its launch to be delayed. */
const LONGEST_DISPATCH = 0.5;

/** The reserve's factor: it grows with each late launch, and decays with each timely one. */
const CAUTION = { most: 8, growth: 1.2, decay: 0.95 } as const;

/** What the duration of a step depends on. */
export interface StepSize {
  /** Whether it computes part of a prompt. */
  readonly isPrefill: boolean;
  /** Tokens it computes. */
  readonly tokens: number;
}

/** The launch of a forward pass. */
export interface Launch {
  /** Whether the step computes part of a prompt. */
  readonly isPrefill: boolean;
  /** When it began. */
  readonly start: number;
  /** When it returned. */
  readonly end: number;
  /** State of the previous step by then: still running, ended but unread, or none in flight. */
  readonly device: "busy" | "done" | "idle";
  /** Whether it was delayed; only then can it be late for that reason. */
  readonly hasWaited: boolean;
}

/** Recent steps of one kind. */
class StepKind {
  readonly durations: { readonly tokens: number; readonly duration: number }[] = [];
  readonly launches: number[] = [];

  /** Predicted duration of a step: the median, scaled down for steps with fewer tokens; null with too few samples. */
  usualDuration(tokens: number): number | null {
    if (this.durations.length < LEAST_SAMPLES) return null;
    return median(this.durations.map((sample) => sample.duration * Math.min(1, tokens / sample.tokens)));
  }

  /** Median cost of a launch; null with too few samples. */
  usualLaunch(): number | null {
    return this.launches.length < LEAST_SAMPLES ? null : median([...this.launches]);
  }
}

/** Learns the durations of steps and launches. All times are in milliseconds. */
export class StepTimeEstimator {
  readonly #decode = new StepKind();
  readonly #prefill = new StepKind();
  readonly #dispatches: number[] = [];
  /** When the step in flight began on the device. */
  #begin = -Infinity;
  /** When the step after it began, if the device had to wait for its launch; null: it begins when this one ends. */
  #nextBegin: number | null = null;
  #caution = 1;

  /**
   * How long the next launch can wait before asking again.
   *
   * @param inFlight The step in flight.
   * @param hasPrompts Whether the next step may be a prefill, whose launch takes longer.
   * @param now The time.
   * @returns Milliseconds; 0 when it is time to launch, or when nothing can be predicted.
   */
  slack(inFlight: StepSize, hasPrompts: boolean, now: number): number {
    const duration = this.#usualDuration(inFlight);
    const launch = this.#kindOf(hasPrompts).usualLaunch();
    if (duration === null || launch === null || duration < SHORTEST_STEP) return 0;
    // After a delayed launch, sampling is dispatched once the step in flight has ended: it must fit in the next forward pass.
    if (Math.max(...this.#dispatches) > LONGEST_DISPATCH * duration) return 0;
    const reserve = Math.max(RESERVE.least, RESERVE.part * duration) * this.#caution;
    const slack = this.#begin + duration - launch - reserve - now;
    return slack < SHORTEST_WAIT ? 0 : Math.max(SHORTEST_WAIT, NEXT_LOOK * slack);
  }

  /**
   * Records a launch.
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
   * Records the dispatch of sampling.
   *
   * @param cost How long it took.
   */
  dispatched(cost: number): void {
    add(this.#dispatches, cost);
  }

  /**
   * Records the end of the step in flight, at which the next one begins, if it was launched.
   *
   * @param step The step.
   * @param time When its tokens reached the host.
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

/** The median, the lower one of two; sorts in place. */
function median(values: number[]): number {
  return values.sort((a, b) => a - b)[(values.length - 1) >> 1]!;
}

/** Appends a sample and drops the oldest. */
function add<Sample>(samples: Sample[], sample: Sample): void {
  if (samples.push(sample) > SAMPLES) samples.shift();
}
