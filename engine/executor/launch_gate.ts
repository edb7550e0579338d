/**
 * Delays the next launch while the device is still busy, so that new requests can join the step.
 *
 * A launched step cannot be changed: a request that arrives after its launch waits for all of it. The device needs the next
 * step only when the one in flight ends, so the loop waits for commands until shortly before that.
 *
 * @module
 */
import type { ModelRunner } from "../runner/model_runner.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { CommandQueue } from "./command_queue.ts";
import { isPrefill, sizeOf, type StepInFlight } from "./step_in_flight.ts";
import { StepTimeEstimator } from "./step_time_estimator.ts";

/** What a gate observes. */
export interface LaunchGateParts {
  readonly runner: Pick<ModelRunner, "haveArrived">;
  readonly scheduler: Pick<Scheduler, "hasPrompts">;
  readonly commands: Pick<CommandQueue, "drain" | "isShutDown">;
  readonly now: Clock;
}

/** Decides how long each launch waits, from the times that recent steps took. */
export class LaunchGate {
  readonly #parts: LaunchGateParts;
  readonly #estimator = new StepTimeEstimator();
  /** Whether the next launch was delayed. */
  #hasWaited = false;

  /** @param parts What it observes. */
  constructor(parts: LaunchGateParts) {
    this.#parts = parts;
  }

  /**
   * Waits until the next step should be launched, and applies the commands that arrive meanwhile. Sets
   * {@linkcode StepInFlight.arrivalTime} where the step in flight ends sooner than predicted.
   *
   * @param inFlight The step in flight; null: none, and the launch does not wait.
   * @returns Milliseconds waited.
   * @throws {UpbeatError} `DEVICE_FAULT`, `DEVICE_STALLED`.
   */
  wait(inFlight: StepInFlight | null): number {
    const { runner, scheduler, commands, now } = this.#parts;
    this.#hasWaited = false;
    if (inFlight === null) return 0;
    const start = now();
    const size = sizeOf(inFlight.step);
    const slack = () => commands.isShutDown ? 0 : this.#estimator.slack(size, scheduler.hasPrompts, now());
    for (let time = slack(); time > 0 && inFlight.arrivalTime === null; time = slack()) {
      if (runner.haveArrived(inFlight.results!, time)) inFlight.arrivalTime = now();
      commands.drain();
      this.#hasWaited = true;
    }
    return this.#hasWaited ? now() - start : 0;
  }

  /**
   * Records the launch of a forward pass: how long it took, and whether the device had to wait for it.
   *
   * @param next The step that was just launched.
   * @param previous The step before it; null: none was in flight.
   */
  launched(next: StepInFlight, previous: StepInFlight | null): void {
    const end = this.#parts.now();
    const isOver = previous === null || previous.tokenTime !== null;
    const device = isOver ? "idle" : this.#parts.runner.haveArrived(previous.results!) ? "done" : "busy";
    const [hasWaited, start] = [this.#hasWaited, next.launchTime];
    this.#estimator.launched({ isPrefill: isPrefill(next.step), start, end, device, hasWaited });
  }

  /**
   * Records the dispatch of sampling.
   *
   * @param duration Milliseconds.
   */
  dispatched(duration: number): void {
    this.#estimator.dispatched(duration);
  }

  /**
   * Records the end of a step.
   *
   * @param inFlight A step whose tokens are on the host.
   */
  ended({ step, tokenTime }: StepInFlight): void {
    this.#estimator.ended(sizeOf(step), tokenTime!);
  }
}
