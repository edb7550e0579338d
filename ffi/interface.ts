/**
 * The two seams of the device layer, as types. {@linkcode ForeignInterface} is what a JavaScript runtime provides
 * (`bun.ts`, `deno.ts`); {@linkcode Device} is what the engine sees, whoever implements it.
 *
 * @module
 */

import type { Dtype, SimdName, SymbolName, Symbols } from "./abi.ts";
import type { DeviceHandle, EventHandle, GraphHandle, Pointer, StreamHandle, WeightHandle } from "./types.ts";

/** Foreign functions and memory, as a JavaScript runtime provides them. */
export interface ForeignInterface {
  /** Which runtime this is. */
  readonly runtime: "bun" | "deno";

  /**
   * Open a shared library and bind functions of the ABI.
   *
   * @param path The file.
   * @param names The functions to bind.
   * @returns Those functions.
   * @throws Whatever the runtime throws: the file is missing, is no library for this machine, or lacks a function.
   */
  openLibrary<Name extends SymbolName>(path: string, names: readonly Name[]): OpenLibrary<Name>;

  /**
   * The runtime's form of an address.
   *
   * @param address A positive integer below 2^53.
   * @returns The pointer to pass to {@linkcode Symbols}.
   */
  pointerFrom(address: number): Pointer;

  /**
   * See host memory as an ArrayBuffer, without a copy. The runtime neither owns nor frees it: the caller keeps the
   * memory alive for as long as the view is used.
   *
   * @param address The first byte.
   * @param bytes The length, > 0.
   * @returns The view.
   */
  viewMemory(address: number, bytes: number): ArrayBuffer;
}

/** A shared library that is open in this thread. */
export interface OpenLibrary<Name extends SymbolName = SymbolName> {
  /** Its functions. */
  readonly symbols: Pick<Symbols, Name>;
  /** Unload it. Nothing of it may be called afterwards. */
  close(): void;
}

/**
 * A library whose ABI version was checked, with what is needed to reach its memory. Also the smallest thing to write
 * for a device made of TypeScript: `openDevice({ library })` takes one.
 */
export interface DeviceLibrary extends Pick<ForeignInterface, "pointerFrom" | "viewMemory"> {
  /** The file it came from, for messages. */
  readonly path: string;
  /** Its functions. */
  readonly symbols: Symbols;
}

/** What a device says about itself. */
export interface DeviceInfo {
  /** The library: `"cpu"` or `"cuda"`. */
  readonly library: string;
  /** The processor's name. */
  readonly name: string;
  /** Bytes of memory in all. */
  readonly memoryTotal: number;
  /** Bytes that are free now. */
  readonly memoryFree: number;
  /** CPU cores that may be used, or multiprocessors of a GPU. */
  readonly cores: number;
  /** Compute threads (CPU library). */
  readonly threads: number;
  /** The instruction set in use (CPU library). */
  readonly instructionSet?: string;
  /** Compute capability (CUDA library). */
  readonly computeCapability?: string;
}

/** Bytes that a device holds now. */
export interface DeviceUsage {
  /** Device memory. */
  readonly device: number;
  /** Pinned host memory. */
  readonly host: number;
  /** Weight matrices. */
  readonly weights: number;
}

/** A range of device memory. It may be reached by ops and copies only. */
export interface DeviceMemory extends Disposable {
  /** The first byte's address. */
  readonly address: number;
  /** The same, as {@linkcode Symbols} take it. */
  readonly pointer: Pointer;
  /** Its length. */
  readonly bytes: number;
  /**
   * A place within. It makes an object in Deno, so ask once when things are laid out, not in every step.
   *
   * @param byteOffset 0 to `bytes`, inclusive.
   * @returns The pointer to that byte.
   * @throws {UpbeatError} `DEVICE_INVALID_ARGUMENT` when the offset is outside.
   */
  at(byteOffset: number): Pointer;
  /** Free it; no enqueued work may use it any more. A second call does nothing. */
  free(): void;
}

/** A range of pinned host memory: the host reads and writes it through `view`, copies read and write it too. */
export interface HostMemory extends DeviceMemory {
  /** The memory itself. Freeing detaches it, so that stale typed arrays become empty instead of dangling. */
  readonly view: ArrayBuffer;
}

/**
 * An open device. Everything in a step goes straight to `symbols`; the methods are for what is done rarely:
 *
 * ```ts
 * const { symbols } = device;
 * const status = symbols.upbeat_silu_multiply(stream, gateUp, rows, columns, output);
 * if (status < 0) device.fail(status);
 * ```
 *
 * All methods throw {@linkcode UpbeatError}: `DEVICE_INVALID_ARGUMENT`, `DEVICE_OUT_OF_MEMORY`, `DEVICE_UNAVAILABLE`,
 * `WEIGHTS_INVALID` (a file), `DEVICE_FAULT` (sticky: close the device), `INTERNAL`.
 */
export interface Device extends Disposable {
  /** The device's handle, for `symbols`. */
  readonly handle: DeviceHandle;
  /** The library's functions. */
  readonly symbols: Symbols;
  /** Whether {@linkcode Device.close} was called. */
  readonly closed: boolean;

  /** Throw the error that a negative status stands for, with the library's own sentence. */
  fail(status: number): never;
  /** Return a status that is not negative, else {@linkcode Device.fail}. */
  check(status: number): number;

  /** What the device is. */
  info(): DeviceInfo;
  /** What it holds now. */
  usage(): DeviceUsage;
  /**
   * Let kernels of graphs that are captured from here on begin before the kernel before them has ended (CUDA's
   * programmatic dependent launch): it changes times, never results. Off at first.
   *
   * @throws {UpbeatError} `DEVICE_UNAVAILABLE` where library, GPU or driver cannot do it.
   */
  useDependentLaunches(wanted: boolean): void;

  /** Allocate device memory, zeroed, 64-byte aligned. */
  allocate(bytes: number): DeviceMemory;
  /** Allocate pinned host memory, zeroed, 64-byte aligned. */
  allocateHost(bytes: number): HostMemory;
  /** Enqueue: read `count` elements of `dtype` at byte `offset` of a file to device memory, as F32. */
  loadMemory(
    stream: StreamHandle,
    destination: Pointer,
    path: string,
    offset: number,
    dtype: Dtype,
    count: number,
  ): void;

  /** Create an in-order stream. */
  createStream(): StreamHandle;
  /** Wait for a stream's work and remove it. */
  destroyStream(stream: StreamHandle): void;
  /** Wait until a stream is empty. Returns false when `timeoutMicroseconds` (default: none) passed before. */
  synchronize(stream: StreamHandle, timeoutMicroseconds?: number): boolean;

  /** Create an event. */
  createEvent(): EventHandle;
  /** Remove an event that nothing waits for. */
  destroyEvent(event: EventHandle): void;
  /** Wait for an event's latest record. Returns false when `timeoutMicroseconds` (default: none) passed before. */
  waitEvent(event: EventHandle, timeoutMicroseconds?: number): boolean;
  /** Microseconds between two passed events. */
  elapsed(start: EventHandle, end: EventHandle): number;

  /** Capture the work that `enqueue` gives to `stream` instead of running it. When it throws, the capture is dropped. */
  capture(stream: StreamHandle, enqueue: () => void): GraphHandle;
  /** Remove a graph that is not enqueued any more. */
  destroyGraph(graph: GraphHandle): void;

  /**
   * Make an empty weight matrix of `rows` (outputs) x `columns` (inputs). Its products take inputs as they are (F32, the
   * default) or rounded to BF16, where the library has kernels for that.
   */
  createWeight(dtype: Dtype, rows: number, columns: number, inputDtype?: Dtype): WeightHandle;
  /** Enqueue: fill rows of a weight matrix from byte `offset` of a file. */
  loadWeight(
    stream: StreamHandle,
    weight: WeightHandle,
    firstRow: number,
    rowCount: number,
    path: string,
    offset: number,
  ): void;
  /**
   * Enqueue: fill rows of a weight matrix with random elements, uniform between `-scale` and `scale`: a pure function of
   * seed (two int32), row and column.
   */
  randomizeWeight(
    stream: StreamHandle,
    weight: WeightHandle,
    firstRow: number,
    rowCount: number,
    scale: number,
    seed: readonly [low: number, high: number],
  ): void;
  /** Free a weight matrix that no enqueued work uses. */
  destroyWeight(weight: WeightHandle): void;

  /** Run `body` within a range that a profiler shows under this name. */
  range<Result>(name: string, body: () => Result): Result;

  /** Bytes of one cache (keys or values) of one layer. */
  kvCacheBytes(dtype: Dtype, blocks: number, blockSize: number, kvHeads: number, headDim: number): number;

  /** Wait for the device's work and free all it owns, memory and views included. A second call does nothing. */
  close(): void;
}

/** How to open a device. */
export interface OpenDeviceOptions {
  /** Which library; default `"cpu"`. */
  readonly device?: "cpu" | "cuda";
  /** The library's file, instead of looking for it. */
  readonly libraryPath?: string;
  /** A library that is open already, or was never a file. */
  readonly library?: DeviceLibrary;
  /** Which device of the library; default 0. */
  readonly index?: number;
  /** Compute threads of the CPU library; default 0: one per usable core. */
  readonly threads?: number;
  /** Instruction set of the CPU library; default `"AUTO"`. */
  readonly simd?: SimdName;
}
