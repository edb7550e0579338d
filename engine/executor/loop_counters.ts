/**
 * Counts the steps of the loop and where its time goes.
 *
 * @module
 */
import type { Clock } from "../telemetry/clock.ts";
import type { ExecutorCounters } from "../telemetry/executor_counters.ts";

/** Counters of one loop. Times are in milliseconds. */
export class LoopCounters {
  readonly #now: Clock;
  /** End of the loop time accounted for so far. */
  #accountedUntil: number;
  #launchedSteps = 0;
  #processedSteps = 0;
  #wastedSteps = 0;
  #stepTime = 0;
  #waitTime = 0;

  /** @param now The engine's clock. */
  constructor(now: Clock) {
    this.#now = now;
    this.#accountedUntil = now();
  }

  /** Counts a launched step and returns its number, from 1. */
  launched(): number {
    return ++this.#launchedSteps;
  }

  /** Counts a processed step, and the loop time up to now. */
  processed(): void {
    this.#processedSteps++;
    this.accumulate();
  }

  /**
   * Counts time spent waiting for the device.
   *
   * @param duration Milliseconds.
   */
  waited(duration: number): void {
    this.#waitTime += duration;
  }

  /**
   * Counts steps whose token is discarded because its request has ended.
   *
   * @param steps Number of steps.
   */
  wasted(steps: number): void {
    this.#wastedSteps += steps;
  }

  /** Counts the loop time up to now. */
  accumulate(): void {
    const now = this.#now();
    this.#stepTime += now - this.#accountedUntil;
    this.#accountedUntil = now;
  }

  /** Leaves the time since the last count out: the loop was idle. */
  skipIdleTime(): void {
    this.#accountedUntil = this.#now();
  }

  /** The totals. */
  totals(): Pick<ExecutorCounters, "steps" | "stepTime" | "waitTime" | "wastedSteps"> {
    return {
      steps: this.#processedSteps,
      stepTime: this.#stepTime,
      waitTime: this.#waitTime,
      wastedSteps: this.#wastedSteps,
    };
  }
}
