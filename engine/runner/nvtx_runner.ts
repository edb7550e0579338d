/**
 * A runner that marks each phase of a step with an NVTX range, for profilers. Used only with `UPBEAT_NVTX=1`, so that
 * other runs pay nothing for it.
 *
 * @module
 */
import type { Device } from "../../ffi/interface.ts";
import type { DeviceTimes } from "../telemetry/device_times.ts";
import type { StepRunner } from "./step_runner.ts";
import type { Request } from "../scheduler/request.ts";
import type { PendingResults } from "./step_results.ts";
import type { Step } from "../scheduler/step_plan.ts";

/** A runner with an NVTX range around each call. */
export class NvtxRunner implements StepRunner {
  readonly #runner: StepRunner;
  readonly #device: Pick<Device, "range">;

  /**
   * @param runner What computes steps.
   * @param device Emits the ranges.
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

/** NVTX label of a step; labels are cached, so their number stays small. */
function contentOf({ tokens, samplingRequests }: Step): string {
  return tokens === samplingRequests ? `decode ${tokens}` : `prefill ${tokens}`;
}
