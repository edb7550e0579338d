/**
 * What the layers of a model share during a forward pass: the step, and the addresses of weights and memory.
 *
 * @module
 */
import { DTYPE, type Dtype, type Symbols } from "../../ffi/abi.ts";
import type { Device } from "../../ffi/interface.ts";
import type { Pointer, StreamHandle } from "../../ffi/types.ts";
import type { CacheDtype } from "./memory.ts";

/** Addresses of a step's inputs on the device, all int32. */
export interface StepPointers {
  /** Token ids; negative: padding. `[tokens]` */
  readonly tokens: Pointer;
  /** Position of each token in its sequence. `[tokens]` */
  readonly positions: Pointer;
  /** Where each token's key and value go: block * block size + offset; negative: nowhere. `[tokens]` */
  readonly slotMapping: Pointer;
  /** First token row of each request, and the end. `[requests + 1]` */
  readonly queryStarts: Pointer;
  /** Length of each request's sequence, this step's tokens included. `[requests]` */
  readonly sequenceLengths: Pointer;
  /** KV blocks of each request. `[requests, maxBlocks]` */
  readonly blockTables: Pointer;
  /** Token rows whose logits are computed. `[logit rows]` */
  readonly logitRows: Pointer;
  /** Row length of the block tables. */
  readonly maxBlocks: number;
}

/**
 * The forward pass of one step at a time. Layers enqueue ops through {@linkcode symbols}; nothing waits, and nothing is
 * allocated.
 */
export class ForwardPass {
  /** Token rows of the step. */
  tokens = 0;
  /** Requests that they belong to. */
  requests = 0;
  /** Rows whose logits are computed. */
  logitRows = 0;
  /** Rows that ops work on: all tokens, until the pass narrows them to the logit rows. */
  rows = 0;

  readonly symbols: Symbols;
  readonly stream: StreamHandle;
  /** Addresses of the step's inputs. */
  readonly inputs: StepPointers;
  /** Token rows that activations have room for. */
  readonly maxTokens: number;
  /** Element type of the KV caches. */
  readonly cacheDtype: Dtype;
  /** Tokens per KV block. */
  readonly blockSize: number;
  readonly #device: Device;

  /**
   * @param device The device.
   * @param stream The stream that everything is enqueued on.
   * @param limits The largest step and the KV cache.
   * @param inputs Addresses of each step's inputs.
   */
  constructor(
    device: Device,
    stream: StreamHandle,
    limits: { readonly maxBatchTokens: number; readonly kvDtype: CacheDtype; readonly blockSize: number },
    inputs: StepPointers,
  ) {
    this.#device = device;
    this.symbols = device.symbols;
    this.stream = stream;
    this.inputs = inputs;
    this.maxTokens = limits.maxBatchTokens;
    this.cacheDtype = DTYPE[limits.kvDtype];
    this.blockSize = limits.blockSize;
  }

  /** Throw the error that a negative status stands for. */
  check(status: number): void {
    if (status < 0) this.#device.fail(status);
  }
}
