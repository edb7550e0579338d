/**
 * A runner that tells a profiler what the executor's thread does: one range per phase of a step.
 *
 * It stands between executor and runner only where it was asked for (`UPBEAT_NVTX=1`), so that steps cost nothing more where
 * it was not.
 *
 * @module
 */
import type { Device } from "../../ffi/interface.ts";
import type { DeviceTimes } from "../telemetry/device_times.ts";
import type { StepRunner } from "./step_runner.ts";
import type { Request } from "../scheduler/request.ts";
import type { PendingResults } from "./step_outputs.ts";
import type { Step } from "../scheduler/step_plan.ts";

/** A runner with ranges around what it does. */
export class NvtxRunner implements StepRunner {
  readonly #runner: StepRunner;
  readonly #device: Pick<Device, "range">;

  /**
   * @param runner What computes steps.
   * @param device What knows the profiler.
   */
  constructor(runner: StepRunner, device: Pick<Device, "range">) {
    this.#runner = runner;
    this.#device = device;
  }

  get deviceTimes(): DeviceTimes | null {
    return this.#runner.deviceTimes;
  }

  admit(request: Request): void {
    this.#device.range("admit", () => this.#runner.admit(request));
  }

  launchForward(step: Step): void {
    this.#device.range(`launch forward: ${contentOf(step)}`, () => this.#runner.launchForward(step));
  }

  launchSampling(step: Step): PendingResults {
    return this.#device.range("launch sampling", () => this.#runner.launchSampling(step));
  }

  haveArrived(results: PendingResults, within?: number): boolean {
    return this.#runner.haveArrived(results, within);
  }

  waitForResults(results: PendingResults): void {
    this.#device.range("wait for results", () => this.#runner.waitForResults(results));
  }
}

/** What a step computes; with few enough answers that their names can be kept. */
function contentOf({ tokens, samplingRequests }: Step): string {
  return tokens === samplingRequests ? `decode ${tokens}` : `prefill ${tokens}`;
}
