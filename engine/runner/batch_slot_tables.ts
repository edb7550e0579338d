/**
 * What the device keeps of each running request between steps, by batch slot.
 *
 * @module
 */
import type { Device } from "../../ffi/interface.ts";
import type { Pointer, StreamHandle } from "../../ffi/types.ts";
import { BufferLayout, DeviceBuffer, HostBuffer } from "./buffer_layout.ts";
import type { Request } from "../scheduler/request.ts";
import { MAX_LOGIT_BIASES } from "../config/sampling_options.ts";

/** The tables. */
export type BatchSlotTableName = "tokens" | "biasTokens" | "biasValues";

/**
 * Tokens and logit biases of each running request, by batch slot. A request's rows are written when it is admitted;
 * generated tokens are appended on the device.
 */
export class BatchSlotTables {
  /** Tokens of all slots together. */
  readonly tableLength: number;
  readonly #layout: BufferLayout<BatchSlotTableName>;
  readonly #host: HostBuffer<BatchSlotTableName>;
  readonly #onDevice: DeviceBuffer<BatchSlotTableName>;
  readonly #maxContext: number;
  readonly #tokens: Int32Array;
  readonly #biasTokens: Int32Array;
  readonly #biasValues: Float32Array;
  readonly #device: Device;

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
    this.#tokens = this.#host.ints("tokens");
    this.#biasTokens = this.#host.ints("biasTokens");
    this.#biasValues = this.#host.floats("biasValues");
  }

  /** The address of a table on the device. */
  pointer(name: BatchSlotTableName): Pointer {
    return this.#onDevice.pointer(name);
  }

  /**
   * Enqueue the copies of a request's known tokens and biases into its batch slot.
   *
   * @param request An admitted request. The results of a step of the slot's previous request were read since, so the staging
   * memory of that request's copies is free again.
   * @param stream The stream of the steps.
   */
  upload(request: Request, stream: StreamHandle): void {
    const { batchSlot, promptTokenIds, tokenIds, sampling } = request;
    const firstToken = batchSlot * this.#maxContext;
    this.#tokens.set(promptTokenIds, firstToken);
    this.#tokens.set(tokenIds, firstToken + promptTokenIds.length);
    this.#copy("tokens", firstToken, request.totalTokens, stream);

    if (sampling.biasTokens.length === 0) return;
    const firstBias = batchSlot * MAX_LOGIT_BIASES;
    this.#biasTokens.set(sampling.biasTokens, firstBias);
    this.#biasValues.set(sampling.biasValues, firstBias);
    this.#copy("biasTokens", firstBias, sampling.biasTokens.length, stream);
    this.#copy("biasValues", firstBias, sampling.biasTokens.length, stream);
  }

  #copy(
    name: BatchSlotTableName,
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
