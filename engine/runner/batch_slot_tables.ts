/**
 * What the device keeps of each running request between steps, by batch slot.
 *
 * @module
 */
import type { Device } from "../../ffi/interface.ts";
import type { Pointer, StreamHandle } from "../../ffi/types.ts";
import { MAX_LOGIT_BIASES } from "../config/sampling_options.ts";
import type { Request } from "../scheduler/request.ts";
import { BufferLayout, DeviceBuffer, HostBuffer } from "./buffer_layout.ts";

/** The tables. */
export type BatchSlotTableName = "tokens" | "biasTokens" | "biasValues";

/**
 * Tokens and logit biases of each running request, by batch slot. A request's rows are written when it is admitted;
 * generated tokens are appended on the device.
 */
export class BatchSlotTables {
  /** The address of each table on the device. */
  readonly pointers: Readonly<Record<BatchSlotTableName, Pointer>>;
  /** Tokens of all slots together. */
  readonly tableLength: number;
  readonly #device: Device;
  readonly #maxContext: number;
  readonly #layout: BufferLayout<BatchSlotTableName>;
  readonly #host: HostBuffer<BatchSlotTableName>;
  readonly #onDevice: DeviceBuffer<BatchSlotTableName>;

  /**
   * @param device Where they are kept.
   * @param maxBatchRequests Batch slots.
   * @param maxContext Tokens of a slot.
   */
  constructor(device: Device, maxBatchRequests: number, maxContext: number) {
    this.#device = device;
    this.#maxContext = maxContext;
    this.tableLength = maxBatchRequests * maxContext;
    this.#layout = new BufferLayout({
      tokens: this.tableLength,
      biasTokens: maxBatchRequests * MAX_LOGIT_BIASES,
      biasValues: maxBatchRequests * MAX_LOGIT_BIASES,
    });
    this.#host = new HostBuffer(device, this.#layout);
    this.#onDevice = new DeviceBuffer(device, this.#layout);
    this.pointers = this.#onDevice.pointers;
  }

  /**
   * Enqueue the copies of a request's known tokens and biases into its batch slot.
   *
   * @param request An admitted request. The results of a step of the slot's previous request were read since, so the
   * staging memory of that request's copies is free again.
   * @param stream The stream of the steps.
   */
  upload(request: Request, stream: StreamHandle): void {
    const { batchSlot, promptTokenIds, tokenIds, sampling } = request;
    const { ints, floats } = this.#host;
    const firstToken = batchSlot * this.#maxContext;
    ints.tokens.set(promptTokenIds, firstToken);
    ints.tokens.set(tokenIds, firstToken + promptTokenIds.length);
    this.#copy("tokens", firstToken, request.totalTokens, stream);

    if (sampling.biasTokens.length === 0) return;
    const firstBias = batchSlot * MAX_LOGIT_BIASES;
    ints.biasTokens.set(sampling.biasTokens, firstBias);
    floats.biasValues.set(sampling.biasValues, firstBias);
    this.#copy("biasTokens", firstBias, sampling.biasTokens.length, stream);
    this.#copy("biasValues", firstBias, sampling.biasTokens.length, stream);
  }

  #copy(name: BatchSlotTableName, first: number, count: number, stream: StreamHandle): void {
    const offset = this.#layout.offsets[name] + first * 4;
    const [target, source] = [this.#onDevice.memory.at(offset), this.#host.memory.at(offset)];
    this.#device.check(this.#device.symbols.upbeat_copy_to_device(stream, target, source, count * 4));
  }
}
