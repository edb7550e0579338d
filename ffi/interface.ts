/**
 * The two interfaces of the device layer: {@linkcode ForeignInterface} is implemented per JavaScript runtime (`bun.ts`,
 * `deno.ts`, `node.ts`); {@linkcode Device} is what the engine uses.
 *
 * @module
 */

import type { BlockDtype, Dtype, InputDtype, SimdName, SymbolName, Symbols } from "./abi.ts";
import type { DeviceHandle, EventHandle, GraphHandle, Pointer, StreamHandle, WeightHandle } from "./types.ts";

/** Foreign functions and memory, as a JavaScript runtime provides them. */
export interface ForeignInterface {
  /**
   * Create a file in memory, where the system can do that and a compiled program needs it (Linux, Bun).
   *
   * @param name Its name, as `/proc` shows it.
   * @returns Its descriptor, open for writing until the process ends; negative after an error.
   */
  readonly createMemoryFile?: (name: string) => number;
  /** The runtime. */
  readonly runtime: "bun" | "deno" | "node";

  /**
   * Open a shared library and bind functions of the ABI.
   *
   * @param path The file.
   * @param names The functions to bind.
   * @returns Those functions.
   * @throws The runtime's own error: the file is missing, is not a library for this machine, or lacks a function.
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
   * View host memory as an ArrayBuffer, without a copy. The runtime neither owns nor frees it: the caller keeps the
   * memory alive for as long as the view is used.
   *
   * @param address The first byte.
   * @param bytes The length, > 0.
   * @returns The view.
   */
  viewMemory(address: number, bytes: number): ArrayBuffer;
}

/** A shared library that this thread has opened. */
export interface OpenLibrary<Name extends SymbolName = SymbolName> {
  /** Its functions. */
  readonly symbols: Pick<Symbols, Name>;
  /** Unload it. None of its functions may be called afterwards. */
  close(): void;
}

/**
 * A library of the right ABI version, with access to its memory. It is also the interface that a device written in
 * TypeScript implements: see `openDevice({ library })`.
 */
export interface DeviceLibrary extends Pick<ForeignInterface, "pointerFrom" | "viewMemory"> {
  /** The file it came from, for messages. */
  readonly path: string;
  /** Its functions. */
  readonly symbols: Symbols;
}

/** A device's description. */
export interface DeviceInfo {
  /** The library: `"cpu"` or `"cuda"`. */
  readonly library: string;
  /** The processor's name. */
  readonly name: string;
  /** Total bytes of memory. */
  readonly memoryTotal: number;
  /** Bytes that are free. */
  readonly memoryFree: number;
  /** Usable CPU cores, or multiprocessors of a GPU. */
  readonly cores: number;
  /** Compute threads (CPU library). */
  readonly threads: number;
  /** The instruction set in use (CPU library). */
  readonly instructionSet?: string;
  /** Compute capability (CUDA library). */
  readonly computeCapability?: string;
}

/** Bytes that a device has allocated. */
export interface DeviceUsage {
  /** Device memory. */
  readonly device: number;
  /** Pinned host memory. */
  readonly host: number;
  /** Weight matrices. */
  readonly weights: number;
}

/** A range of device memory, accessible to ops and copies only. */
export interface DeviceMemory extends Disposable {
  /** Address of the first byte. */
  readonly address: number;
  /** The same, as {@linkcode Symbols} take it. */
  readonly pointer: Pointer;
  /** Its length. */
  readonly bytes: number;
  /**
   * A pointer into the range. In Deno it is an object: create it once at layout time, not in every step.
   *
   * @param byteOffset 0 to `bytes`, inclusive.
   * @returns The pointer to that byte.
   * @throws {UpbeatError} `DEVICE_INVALID_ARGUMENT` when the offset is out of range.
   */
  at(byteOffset: number): Pointer;
  /** Free it; no enqueued work may still use it. A second call does nothing. */
  free(): void;
}

/** A range of pinned host memory, which the host accesses through `view`, and copies by address. */
export interface HostMemory extends DeviceMemory {
  /** The memory. Freeing detaches it, so that stale typed arrays become empty instead of dangling. */
  readonly view: ArrayBuffer;
}

/**
 * An open device. The ops of a step call `symbols` directly; the methods are for rarer work:
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

  /** Throw the error of a negative status, with the library's message. */
  fail(status: number): never;
  /** Return a non-negative status; else {@linkcode Device.fail}. */
  check(status: number): number;

  /** The device's description. */
  info(): DeviceInfo;
  /** Its allocations. */
  usage(): DeviceUsage;
  /**
   * Let kernels of graphs captured from here on begin before the previous kernel has ended (CUDA's programmatic dependent
   * launch). It changes times, never results. Off by default.
   *
   * @throws {UpbeatError} `DEVICE_UNAVAILABLE` where library, GPU or driver do not support it.
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
  /** Wait until a stream is empty. Returns false after `timeoutMicroseconds` (default: no limit). */
  synchronize(stream: StreamHandle, timeoutMicroseconds?: number): boolean;

  /** Create an event. */
  createEvent(): EventHandle;
  /** Remove an event that nothing waits for. */
  destroyEvent(event: EventHandle): void;
  /** Wait for an event's latest record. Returns false after `timeoutMicroseconds` (default: no limit). */
  waitEvent(event: EventHandle, timeoutMicroseconds?: number): boolean;
  /** Microseconds between two passed events. */
  elapsed(start: EventHandle, end: EventHandle): number;

  /** Capture the work that `enqueue` puts on `stream`, instead of running it. If it throws, the capture is dropped. */
  capture(stream: StreamHandle, enqueue: () => void): GraphHandle;
  /** Remove a graph that is no longer enqueued. */
  destroyGraph(graph: GraphHandle): void;

  /**
   * Create an empty weight matrix of `rows` (outputs) x `columns` (inputs). Its products take F32 inputs as they are (the
   * default) or rounded to BF16, where the library has kernels for that.
   */
  createWeight(dtype: Dtype | BlockDtype, rows: number, columns: number, inputDtype?: InputDtype): WeightHandle;
  /**
   * Enqueue: fill rows of a weight matrix from byte `offset` of a file. With `pairedRows` above 0 the file's rows come in
   * groups of that many, in which row 2j + t is the matrix's row j + t * pairedRows / 2: q and k of Llama models in GGUF
   * files.
   */
  loadWeight(
    stream: StreamHandle,
    weight: WeightHandle,
    firstRow: number,
    rowCount: number,
    path: string,
    offset: number,
    pairedRows?: number,
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

  /** Run `body` in a range that a profiler shows under this name. */
  range<Result>(name: string, body: () => Result): Result;

  /** Bytes of one cache (keys or values) of one layer. */
  kvCacheBytes(dtype: Dtype, blocks: number, blockSize: number, kvHeads: number, headDim: number): number;

  /** Wait for the device's work and free everything it owns, memory and views included. A second call does nothing. */
  close(): void;
}

/** Options of `openDevice`. */
export interface OpenDeviceOptions {
  /** The library; default `"cpu"`. */
  readonly device?: "cpu" | "cuda";
  /** The library's file, instead of searching for it. */
  readonly libraryPath?: string;
  /** An open library, or one that is not a file. */
  readonly library?: DeviceLibrary;
  /** Index of the device; default 0. */
  readonly index?: number;
  /** Compute threads of the CPU library; default 0: one per usable core. */
  readonly threads?: number;
  /** Instruction set of the CPU library; default `"AUTO"`. */
  readonly simd?: SimdName;
}
