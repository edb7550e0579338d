/**
 * What steps give back: written by one after the other on the device, and copied to the host into one of two places, so
 * that the tokens of a step can be read there while the next one's arrive.
 *
 * @module
 */
import type { Device } from "../../ffi/interface.ts";
import type { EventHandle, Pointer } from "../../ffi/types.ts";
import { BufferLayout, DeviceBuffer, HostBuffer } from "./buffer_layout.ts";
import { MAX_LOGPROBS } from "../config/sampling_options.ts";
import type { Step } from "../scheduler/step_plan.ts";

/** What a step gives back. */
export type StepOutputName = "tokens" | "logprobs" | "logprobTokens";

/** The host's copy of one step's results, valid from when its event has passed until the next step but one is launched. */
export interface StepResults {
  /** The sampled tokens. `[requests]` */
  readonly tokens: Int32Array;
  /** Log-probabilities: the token's own, then those of the likeliest. `[requests, 1 + MAX_LOGPROBS]` */
  readonly logprobs: Float32Array;
  /** The likeliest tokens. `[requests, MAX_LOGPROBS]` */
  readonly logprobTokens: Int32Array;
}

/** Results on their way to the host. */
export interface PendingResults extends StepResults {
  /** Where the copy writes. */
  readonly destination: Pointer;
  /** Passed when they are there. */
  readonly arrived: EventHandle;
}

/** The outputs of steps. */
export class StepOutputs {
  readonly #layout: BufferLayout<StepOutputName>;
  readonly #onDevice: DeviceBuffer<StepOutputName>;
  readonly #places: readonly [PendingResults, PendingResults];
  #turn = 0;

  /**
   * @param device Where they are written.
   * @param maxBatchRequests Requests in a step, at most.
   */
  constructor(device: Device, maxBatchRequests: number) {
    this.#layout = new BufferLayout({
      tokens: maxBatchRequests,
      logprobs: maxBatchRequests * (1 + MAX_LOGPROBS),
      logprobTokens: maxBatchRequests * MAX_LOGPROBS,
    });
    this.#onDevice = new DeviceBuffer(device, this.#layout);
    const place = (): PendingResults => {
      const host = new HostBuffer(device, this.#layout);
      return {
        tokens: host.ints("tokens"),
        logprobs: host.floats("logprobs"),
        logprobTokens: host.ints("logprobTokens"),
        destination: host.memory.pointer,
        arrived: device.createEvent(),
      };
    };
    this.#places = [place(), place()];
  }

  /** The address of a field on the device; `tokens` is where the copy reads. */
  pointer(name: StepOutputName): Pointer {
    return this.#onDevice.pointer(name);
  }

  /** The place for the next step's results. The step that had it before must have been processed. */
  next(): PendingResults {
    this.#turn = 1 - this.#turn;
    return this.#places[this.#turn]!;
  }

  /** Bytes to copy: the tokens, and everything where a request wants log-probabilities. */
  bytes(step: Step): number {
    const wantsLogprobs = step.scheduled.some(({ request, samples }) => samples && request.sampling.logprobs >= 0);
    return wantsLogprobs ? this.#layout.bytes : step.samplingRequests * 4;
  }
}
