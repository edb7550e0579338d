/**
 * What steps return: written to one device buffer, and copied into one of two host buffers, so that a step's tokens can
 * be read while those of the next arrive.
 *
 * @module
 */
import type { Device } from "../../ffi/interface.ts";
import type { EventHandle, Pointer } from "../../ffi/types.ts";
import { BufferLayout, DeviceBuffer, HostBuffer } from "./buffer_layout.ts";
import { MAX_LOGPROBS } from "../config/sampling_options.ts";
import type { Step } from "../scheduler/step_plan.ts";

/** The arrays that a step returns. */
export type StepResultName = "tokens" | "logprobs" | "logprobTokens";

/** The host's copy of one step's results: valid once its event has passed, until the next step but one is launched. */
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
  /** Passes when the copy is complete. */
  readonly arrived: EventHandle;
}

/** The buffers of results, one on the device and two on the host. */
export class StepResultBuffers {
  /** The address of each array on the device; the copy reads from `tokens` on. */
  readonly pointers: Readonly<Record<StepResultName, Pointer>>;
  readonly #layout: BufferLayout<StepResultName>;
  readonly #buffers: readonly [PendingResults, PendingResults];
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
    this.pointers = new DeviceBuffer(device, this.#layout).pointers;
    const buffer = (): PendingResults => {
      const host = new HostBuffer(device, this.#layout);
      return {
        tokens: host.ints.tokens,
        logprobs: host.floats.logprobs,
        logprobTokens: host.ints.logprobTokens,
        destination: host.memory.pointer,
        arrived: device.createEvent(),
      };
    };
    this.#buffers = [buffer(), buffer()];
  }

  /** The buffer for the next step's results. The step that used it before must have been processed. */
  next(): PendingResults {
    this.#turn = 1 - this.#turn;
    return this.#buffers[this.#turn]!;
  }

  /** Bytes to copy: the tokens, or everything when a request wants log-probabilities. */
  bytes(step: Step): number {
    const wantsLogprobs = step.scheduled.some(({ request, samples }) => samples && request.sampling.logprobs >= 0);
    return wantsLogprobs ? this.#layout.bytes : step.samplingRequests * 4;
  }
}
