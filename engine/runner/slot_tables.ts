/**
 * What the device keeps of each running request between steps.
 *
 * @module
 */
import type { Device } from "../../ffi/interface.ts";
import type { Pointer, StreamHandle } from "../../ffi/types.ts";
import { BufferLayout, DeviceBuffer, HostBuffer } from "./buffer_layout.ts";
import type { Request } from "../scheduler/request.ts";
import { MAX_LOGIT_BIASES } from "../config/sampling_options.ts";

/** What is kept per slot. */
export type SlotTableName = "tokens" | "biasTokens" | "biasValues";

/**
 * What the device keeps of each running request, by slot: its tokens, and the biases of its logits. A slot is written when
 * a request is admitted to it; generated tokens are added on the device.
 */
export class SlotTables {
  readonly #layout: BufferLayout<SlotTableName>;
  readonly #host: HostBuffer<SlotTableName>;
  readonly #onDevice: DeviceBuffer<SlotTableName>;
  readonly #maxContext: number;
  readonly #tokens: Int32Array;
  readonly #biasTokens: Int32Array;
  readonly #biasValues: Float32Array;
  readonly #device: Device;

  constructor(device: Device, maxBatchRequests: number, maxContext: number) {
    this.#device = device;
    this.#maxContext = maxContext;
    this.#layout = new BufferLayout({
      tokens: maxBatchRequests * maxContext,
      biasTokens: maxBatchRequests * MAX_LOGIT_BIASES,
      biasValues: maxBatchRequests * MAX_LOGIT_BIASES,
    });
    this.#host = new HostBuffer(device, this.#layout);
    this.#onDevice = new DeviceBuffer(device, this.#layout);
    this.#tokens = this.#host.ints("tokens");
    this.#biasTokens = this.#host.ints("biasTokens");
    this.#biasValues = this.#host.floats("biasValues");
  }

  /** The address of a table on the device. */
  pointer(name: SlotTableName): Pointer {
    return this.#onDevice.pointer(name);
  }

  /**
   * Enqueue a request's known tokens and biases for its slot.
   *
   * @param request An admitted request. Whoever had its slot before was resolved at least once, so the copies made for it have
   * been read.
   * @param stream The stream of the steps.
   */
  upload(request: Request, stream: StreamHandle): void {
    const { slot, promptTokenIds, tokenIds, sampling } = request;
    const firstToken = slot * this.#maxContext;
    this.#tokens.set(promptTokenIds, firstToken);
    this.#tokens.set(tokenIds, firstToken + promptTokenIds.length);
    this.#copy("tokens", firstToken, request.totalTokens, stream);

    if (sampling.biasTokens.length === 0) return;
    const firstBias = slot * MAX_LOGIT_BIASES;
    this.#biasTokens.set(sampling.biasTokens, firstBias);
    this.#biasValues.set(sampling.biasValues, firstBias);
    this.#copy("biasTokens", firstBias, sampling.biasTokens.length, stream);
    this.#copy("biasValues", firstBias, sampling.biasTokens.length, stream);
  }

  #copy(
    name: SlotTableName,
    first: number,
    count: number,
    stream: StreamHandle,
  ): void {
    const offset = this.#layout.offset(name) + first * 4;
    this.#device.check(
      this.#device.symbols.upbeat_copy_to_device(
        stream,
        this.#onDevice.memory.at(offset),
        this.#host.memory.at(offset),
        count * 4,
      ),
    );
  }
}
