/**
 * Devices of native libraries; the engine's entry point to the layer below.
 *
 * @module
 */

import { type ErrorCode, UpbeatError } from "../errors.ts";
import { type BlockDtype, DTYPE, type Dtype, type InputDtype, SIMD, STATUS, type Symbols } from "./abi.ts";
import type { Device, DeviceInfo, DeviceLibrary, DeviceUsage, OpenDeviceOptions } from "./interface.ts";
import { findLibrary, openDeviceLibrary } from "./library.ts";
import { Memory, PinnedMemory } from "./memory.ts";
import type { DeviceHandle, EventHandle, GraphHandle, Pointer, StreamHandle, WeightHandle } from "./types.ts";

export type * from "./interface.ts";
export type * from "./types.ts";
export * from "./abi.ts";

/**
 * Open a device: find its library, check it, start its threads.
 *
 * @param options The device, and its threads.
 * @returns The open device. Close it, or declare it with `using`.
 * @throws {UpbeatError} `LIBRARY_NOT_FOUND`, `LIBRARY_INVALID`, `LIBRARY_VERSION_MISMATCH`; `DEVICE_UNAVAILABLE` when
 * the machine lacks it or the instruction set; `DEVICE_INVALID_ARGUMENT`.
 *
 * @example
 * ```ts
 * using device = openDevice({ threads: 2 });
 * console.log(device.info().name);
 * ```
 */
export function openDevice(options: OpenDeviceOptions = {}): Device {
  const library = options.library ??
    openDeviceLibrary(findLibrary({ device: options.device ?? "cpu", path: options.libraryPath }));
  const { index = 0, threads = 0, simd = "AUTO" } = options;
  const status = library.symbols.upbeat_device_open(index, threads, SIMD[simd]);
  if (status < 0) throw statusError(library.symbols, status);
  return new LibraryDevice(library, status as DeviceHandle);
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  [STATUS.INVALID_ARGUMENT]: "DEVICE_INVALID_ARGUMENT",
  [STATUS.OUT_OF_MEMORY]: "DEVICE_OUT_OF_MEMORY",
  [STATUS.UNAVAILABLE]: "DEVICE_UNAVAILABLE",
  [STATUS.FILE]: "WEIGHTS_INVALID",
  [STATUS.FAULT]: "DEVICE_FAULT",
  [STATUS.INTERNAL]: "INTERNAL",
};

/**
 * The error of a negative status, with the library's message for this thread. Names of its functions, arguments and enums
 * mean nothing to users: they are left out, but the function is in the details, and a wrong argument keeps its name.
 *
 * @param symbols The library that returned the status.
 * @param status The status.
 * @returns The typed error.
 */
export function statusError(symbols: Symbols, status: number): UpbeatError {
  const text = readText((buffer) => symbols.upbeat_last_error(buffer, buffer.length));
  const name = /^(upbeat_\w+): /.exec(text)?.[1];
  const code = CODES[status] ?? "INTERNAL";
  let message = text.replaceAll(/\bupbeat_\w+: /g, "").replaceAll(/ \(UPBEAT_\w+ -?\d+\)/g, "");
  if (code !== "DEVICE_INVALID_ARGUMENT") message = message.replace(/^(?:path|index|simd|bytes|threads): /, "");
  if (message === "") message = `the device library returned status ${status}`;
  else if (code === "INTERNAL") message = `the device library failed: ${message}`;
  return new UpbeatError(code, message, name === undefined ? { status } : { status, function: name });
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Read text from a function that fills a buffer and returns the full length of the text, or a negative status. */
function readText(fill: (buffer: Uint8Array) => number): string {
  let buffer = new Uint8Array(1024);
  let length = fill(buffer);
  if (length >= buffer.length) {
    buffer = new Uint8Array(length + 1);
    length = fill(buffer);
  }
  return decoder.decode(buffer.subarray(0, Math.max(0, length)));
}

function cString(text: string): Uint8Array {
  if (text.includes("\0")) {
    throw new UpbeatError(
      "DEVICE_INVALID_ARGUMENT",
      `a path or a name cannot contain a NUL character: ${JSON.stringify(text)}`,
    );
  }
  return encoder.encode(text + "\0");
}

/** A device of a native library. */
class LibraryDevice implements Device {
  readonly handle: DeviceHandle;
  readonly symbols: Symbols;
  readonly #library: DeviceLibrary;
  readonly #memories = new Set<Memory>();
  /** Receives addresses and sizes from the library. */
  readonly #out = new BigInt64Array(3);
  /** Encoded names of ranges. */
  readonly #rangeNames = new Map<string, Uint8Array>();
  #closed = false;

  constructor(library: DeviceLibrary, handle: DeviceHandle) {
    this.#library = library;
    this.symbols = library.symbols;
    this.handle = handle;
  }

  get closed(): boolean {
    return this.#closed;
  }

  fail(status: number): never {
    throw statusError(this.symbols, status);
  }

  check(status: number): number {
    if (status < 0) this.fail(status);
    return status;
  }

  info(): DeviceInfo {
    const json = readText((buffer) => this.check(this.symbols.upbeat_device_info(this.handle, buffer, buffer.length)));
    return JSON.parse(json) as DeviceInfo;
  }

  usage(): DeviceUsage {
    this.check(this.symbols.upbeat_device_usage(this.handle, this.#out));
    return { device: Number(this.#out[0]), host: Number(this.#out[1]), weights: Number(this.#out[2]) };
  }

  useDependentLaunches(wanted: boolean): void {
    this.check(this.symbols.upbeat_device_dependent_launches(this.handle, wanted ? 1 : 0));
  }

  allocate(bytes: number): Memory {
    requireInteger("bytes", bytes);
    this.check(this.symbols.upbeat_memory_allocate(this.handle, bytes, this.#out));
    return this.#remember(
      new Memory(this.#library, Number(this.#out[0]), bytes, (memory) => {
        if (this.#memories.delete(memory)) this.check(this.symbols.upbeat_memory_free(this.handle, memory.pointer));
      }),
    );
  }

  allocateHost(bytes: number): PinnedMemory {
    requireInteger("bytes", bytes);
    this.check(this.symbols.upbeat_host_allocate(this.handle, bytes, this.#out));
    return this.#remember(
      new PinnedMemory(this.#library, Number(this.#out[0]), bytes, (memory) => {
        if (!this.#memories.delete(memory)) return;
        (memory as PinnedMemory).detach();
        this.check(this.symbols.upbeat_host_free(this.handle, memory.pointer));
      }),
    );
  }

  #remember<Kind extends Memory>(memory: Kind): Kind {
    this.#memories.add(memory);
    return memory;
  }

  loadMemory(
    stream: StreamHandle,
    destination: Pointer,
    path: string,
    offset: number,
    dtype: Dtype,
    count: number,
  ): void {
    requireInteger("offset", offset);
    requireInteger("count", count);
    this.check(this.symbols.upbeat_memory_load(stream, destination, cString(path), offset, dtype, count));
  }

  createStream(): StreamHandle {
    return this.check(this.symbols.upbeat_stream_create(this.handle)) as StreamHandle;
  }

  destroyStream(stream: StreamHandle): void {
    this.check(this.symbols.upbeat_stream_destroy(stream));
  }

  synchronize(stream: StreamHandle, timeoutMicroseconds = -1): boolean {
    return this.check(this.symbols.upbeat_stream_synchronize(stream, timeoutMicroseconds)) === 1;
  }

  createEvent(): EventHandle {
    return this.check(this.symbols.upbeat_event_create(this.handle)) as EventHandle;
  }

  destroyEvent(event: EventHandle): void {
    this.check(this.symbols.upbeat_event_destroy(event));
  }

  waitEvent(event: EventHandle, timeoutMicroseconds = -1): boolean {
    return this.check(this.symbols.upbeat_event_wait(event, timeoutMicroseconds)) === 1;
  }

  elapsed(start: EventHandle, end: EventHandle): number {
    const microseconds = new Float64Array(1);
    this.check(this.symbols.upbeat_event_elapsed(start, end, microseconds));
    return microseconds[0]!;
  }

  capture(stream: StreamHandle, enqueue: () => void): GraphHandle {
    this.check(this.symbols.upbeat_graph_begin(stream));
    try {
      enqueue();
    } catch (error) {
      const graph = this.symbols.upbeat_graph_end(stream);
      if (graph >= 0) this.symbols.upbeat_graph_destroy(graph as GraphHandle);
      throw error;
    }
    return this.check(this.symbols.upbeat_graph_end(stream)) as GraphHandle;
  }

  destroyGraph(graph: GraphHandle): void {
    this.check(this.symbols.upbeat_graph_destroy(graph));
  }

  createWeight(
    dtype: Dtype | BlockDtype,
    rows: number,
    columns: number,
    inputDtype: InputDtype = DTYPE.F32,
  ): WeightHandle {
    return this.check(
      this.symbols.upbeat_weight_create(this.handle, dtype, rows, columns, inputDtype),
    ) as WeightHandle;
  }

  loadWeight(
    stream: StreamHandle,
    weight: WeightHandle,
    firstRow: number,
    rowCount: number,
    path: string,
    offset: number,
    pairedRows = 0,
  ): void {
    requireInteger("offset", offset);
    const status = this.symbols.upbeat_weight_load(
      stream,
      weight,
      firstRow,
      rowCount,
      cString(path),
      offset,
      pairedRows,
    );
    this.check(status);
  }

  randomizeWeight(
    stream: StreamHandle,
    weight: WeightHandle,
    firstRow: number,
    rowCount: number,
    scale: number,
    [low, high]: readonly [number, number],
  ): void {
    this.check(this.symbols.upbeat_weight_randomize(stream, weight, firstRow, rowCount, scale, low, high));
  }

  destroyWeight(weight: WeightHandle): void {
    this.check(this.symbols.upbeat_weight_destroy(weight));
  }

  range<Result>(name: string, body: () => Result): Result {
    let bytes = this.#rangeNames.get(name);
    if (bytes === undefined) this.#rangeNames.set(name, bytes = cString(name));
    this.check(this.symbols.upbeat_range_push(bytes));
    try {
      return body();
    } finally {
      this.symbols.upbeat_range_pop();
    }
  }

  kvCacheBytes(dtype: Dtype, blocks: number, blockSize: number, kvHeads: number, headDim: number): number {
    this.check(
      this.symbols.upbeat_kv_cache_bytes(this.handle, dtype, blocks, blockSize, kvHeads, headDim, this.#out),
    );
    return Number(this.#out[0]);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const memory of this.#memories) if (memory instanceof PinnedMemory) memory.detach();
    this.#memories.clear();
    this.check(this.symbols.upbeat_device_close(this.handle));
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** 64-bit integers cross as numbers; any other number would be converted silently. */
function requireInteger(field: string, value: number): void {
  if (!Number.isSafeInteger(value)) {
    throw new UpbeatError("DEVICE_INVALID_ARGUMENT", `${field} must be an integer, got ${value}`, { field, value });
  }
}
