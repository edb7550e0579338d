/**
 * Holds the launch of the next step back for as long as nobody loses by it, so that who arrives meanwhile is in it.
 *
 * @module
 */
import type { Clock } from "../telemetry/clock.ts";
import type { Inbox } from "./inbox.ts";
import { StepTimeEstimator } from "./step_time_estimator.ts";
import type { ModelRunner } from "../runner/model_runner.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import { isPrefill, sizeOf, type StepInFlight } from "./step_in_flight.ts";

/** What a gate looks at. */
export interface LaunchGateParts {
  readonly runner: Pick<ModelRunner, "haveArrived" | "waitForResults">;
  readonly scheduler: Pick<Scheduler, "hasPrompts">;
  readonly inbox: Pick<Inbox, "drain" | "isShutDown">;
  /** Whether the device computes on the cores of this thread. */
  readonly sharesCores: boolean;
  readonly now: Clock;
}

/** Stands before each launch. */
export class LaunchGate {
  readonly #parts: LaunchGateParts;
  readonly #timer = new StepTimeEstimator();
  /** Whether the launch that comes next has waited. */
  #hasWaited = false;

  /** @param parts What it looks at. */
  constructor(parts: LaunchGateParts) {
    this.#parts = parts;
  }

  /**
   * Wait, and take in the messages that come.
   *
   * @param inFlight The step in flight; null: none, and there is nothing to wait for.
   * @returns Whether it has waited.
   * @throws {UpbeatError} `DEVICE_FAULT`, `DEVICE_STALLED`.
   */
  wait(inFlight: StepInFlight | null): boolean {
    this.#hasWaited = false;
    if (inFlight === null || this.#parts.inbox.isShutDown) return false;
    if (this.#parts.sharesCores) this.#awaitEnd(inFlight);
    else this.#awaitLaunchTime(inFlight);
    return this.#hasWaited;
  }

  /**
   * On a device that takes cores from this thread, which cannot know when it runs again: until the end. There is next to
   * nothing to be gained from a step that was launched before, and who arrives behind its launch loses a step.
   */
  #awaitEnd(inFlight: StepInFlight): void {
    const { runner, inbox, now } = this.#parts;
    if (this.#timer.isShort(sizeOf(inFlight.step))) return;
    runner.waitForResults(inFlight.results!);
    inFlight.arrivalTime = now();
    inbox.drain();
    this.#hasWaited = true;
  }

  /** On a device that needs the next step when this one ends: until shortly before that. */
  #awaitLaunchTime(inFlight: StepInFlight): void {
    const { runner, scheduler, inbox, now } = this.#parts;
    const slack = () => inbox.isShutDown ? 0 : this.#timer.slack(sizeOf(inFlight.step), scheduler.hasPrompts, now());
    for (let time = slack(); time > 0 && inFlight.arrivalTime === null; time = slack()) {
      if (runner.haveArrived(inFlight.results!, time)) inFlight.arrivalTime = now();
      inbox.drain();
      this.#hasWaited = true;
    }
  }

  /**
   * Learn how long a launch takes, and whether it came in time for the device.
   *
   * @param next The step whose forward pass was launched just now.
   * @param previous The step before it; null: none was in flight.
   */
  launched(next: StepInFlight, previous: StepInFlight | null): void {
    const end = this.#parts.now();
    const isOver = previous === null || previous.tokenTime !== null;
    const device = isOver ? "idle" : this.#parts.runner.haveArrived(previous.results!) ? "done" : "busy";
    const [hasWaited, start] = [this.#hasWaited, next.launchTime];
    this.#timer.launched({ isPrefill: isPrefill(next.step), start, end, device, hasWaited });
  }

  /**
   * Learn how long the dispatch of sampling takes.
   *
   * @param cost Milliseconds.
   */
  dispatched(cost: number): void {
    this.#timer.dispatched(cost);
  }

  /**
   * Learn how long a step takes.
   *
   * @param inFlight A step whose tokens are known.
   */
  ended({ step, tokenTime }: StepInFlight): void {
    this.#timer.ended(sizeOf(step), tokenTime!);
  }
}
