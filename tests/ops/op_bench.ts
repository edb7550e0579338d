/**
 * A device for testing ops: uploads inputs, downloads outputs, and detects writes outside of an output.
 *
 * @module
 */

import { test } from "node:test";
import { assert, assertEquals, fail } from "@std/assert";
import { UpbeatError } from "../../errors.ts";
import {
  type Device,
  DTYPE,
  type DtypeName,
  INPUT_DTYPE,
  openDevice,
  type Pointer,
  SIMD,
  type SimdName,
  type StreamHandle,
  type Symbols,
  type WeightHandle,
} from "../../ffi/device.ts";
import { GPU_LIBRARIES } from "../support/libraries/gpu_libraries.ts";
import { encode } from "./dtypes.ts";

/** How a device computes. */
export interface BenchOptions {
  readonly simd: SimdName;
  readonly threads: number;
  /** The library's file; the CPU library by default. */
  readonly libraryPath?: string;
}

/** Device memory that an op writes to, filled with sentinels; those after its end must stay. */
export interface Output {
  readonly pointer: Pointer;
  /** Elements, 4 bytes each. */
  readonly length: number;
}

const GUARD_BYTES = 256;
/** A small negative float32 and a large int32: values that no op writes. */
const SENTINEL_BYTE = 0xa5;
const SENTINEL = new Int32Array(new Uint8Array(4).fill(SENTINEL_BYTE).buffer)[0]!;

/** A device with one stream. */
export class OpBench implements Disposable {
  readonly device: Device;
  readonly symbols: Symbols;
  readonly stream: StreamHandle;
  /** The requested instruction set. */
  readonly simd: SimdName;
  /** The library it runs on: `"cpu"` or `"cuda"`. */
  readonly library: string;

  /** @param options How it computes. */
  constructor(options: BenchOptions) {
    this.simd = options.simd;
    this.device = openDevice(options);
    this.symbols = this.device.symbols;
    this.library = this.device.info().library;
    this.stream = this.device.createStream();
  }

  /** Copy a typed array to new device memory. */
  upload(array: Float32Array | Int32Array | Uint8Array): Pointer {
    const bytes = Math.max(4, array.byteLength);
    const memory = this.device.allocate(bytes);
    using host = this.pinned(array);
    this.check(this.symbols.upbeat_copy_to_device(this.stream, memory.pointer, host.pointer, bytes));
    this.device.synchronize(this.stream);
    return memory.pointer;
  }

  /** Copy a typed array to new pinned memory. */
  pinned(array: Float64Array | Float32Array | Int32Array | Uint8Array): ReturnType<Device["allocateHost"]> {
    const host = this.device.allocateHost(Math.max(4, array.byteLength));
    new Uint8Array(host.view).set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    return host;
  }

  /** New device memory for `length` elements of 4 bytes that an op will write. */
  output(length: number): Output {
    const bytes = length * 4 + GUARD_BYTES;
    const { pointer } = this.device.allocate(bytes);
    this.check(this.symbols.upbeat_memory_fill(this.stream, pointer, SENTINEL_BYTE, bytes));
    return { pointer, length };
  }

  /** Wait, and copy `length` elements from the device. */
  read(pointer: Pointer, length: number): ArrayBuffer {
    using host = this.device.allocateHost(length * 4);
    this.check(this.symbols.upbeat_copy_to_host(this.stream, host.pointer, pointer, length * 4));
    this.device.synchronize(this.stream);
    return host.view.slice(0);
  }

  /** Wait, and read an output; the memory after it must be untouched. */
  floats(output: Output): Float32Array {
    return new Float32Array(this.#guarded(output));
  }

  /** As {@linkcode OpBench.floats}, of an output of int32. */
  ints(output: Output): Int32Array {
    return new Int32Array(this.#guarded(output));
  }

  #guarded({ pointer, length }: Output): ArrayBuffer {
    const buffer = this.read(pointer, length + GUARD_BYTES / 4);
    const guard = new Int32Array(buffer, length * 4);
    assert(guard.every((word) => word === SENTINEL), "the op wrote beyond the end of its output");
    return buffer.slice(0, length * 4);
  }

  /** A weight matrix, and the values of its elements in that type. Its products round inputs to `inputs`. */
  weight(
    elements: Float32Array,
    columns: number,
    dtype: DtypeName = "F32",
    inputs: keyof typeof INPUT_DTYPE = "F32",
  ): { handle: WeightHandle; values: Float32Array } {
    const { bytes, values } = encode(elements, dtype);
    const rows = elements.length / columns;
    const handle = this.device.createWeight(DTYPE[dtype], rows, columns, INPUT_DTYPE[inputs]);
    using source = this.pinned(bytes);
    this.check(this.symbols.upbeat_weight_upload(this.stream, handle, 0, rows, source.pointer));
    this.device.synchronize(this.stream);
    return { handle, values };
  }

  /** Capture something in a graph and launch that `times` times. */
  replay(enqueue: () => void, times = 1): void {
    const graph = this.device.capture(this.stream, enqueue);
    for (let i = 0; i < times; i++) this.check(this.symbols.upbeat_graph_launch(graph, this.stream));
    this.device.synchronize(this.stream);
    this.device.destroyGraph(graph);
  }

  /** Throw the error of a negative status. */
  check(status: number): void {
    if (status < 0) this.device.fail(status);
  }

  [Symbol.dispose](): void {
    this.device.close();
  }
}

/** Whether all elements are still the sentinel. */
export function isUntouched(values: Float32Array | Int32Array): boolean {
  return new Int32Array(values.buffer, values.byteOffset, values.length).every((word) => word === SENTINEL);
}

function available(simd: SimdName): boolean {
  try {
    openDevice({ simd, threads: 1 }).close();
    return true;
  } catch (error) {
    if (error instanceof UpbeatError && error.code === "DEVICE_UNAVAILABLE") return false;
    throw error;
  }
}

/** What the op tests run on, and why some are skipped. */
const configurations: readonly { title: string; options: BenchOptions; missing: string | null }[] = [
  ...(Object.keys(SIMD) as SimdName[]).filter((simd) => simd !== "AUTO").flatMap((simd) => {
    const missing = available(simd) ? null : "not on this machine";
    return [1, 2].map((threads) => ({
      title: `${simd}, ${threads} thread${threads === 1 ? "" : "s"}`,
      options: { simd, threads },
      missing,
    }));
  }),
  ...GPU_LIBRARIES.map(({ title, path, missing }) => ({
    title,
    options: { simd: "AUTO", threads: 0, libraryPath: path } as const,
    missing,
  })),
];

/**
 * Declare a test of an op for every instruction set of this machine, with 1 and 2 threads, and for the CUDA library on
 * the emulator and on a GPU, if available.
 *
 * @param name Reads "x() does y when z".
 * @param body The test.
 */
export function testOp(name: string, body: (bench: OpBench) => void): void {
  for (const { title, options, missing } of configurations) {
    if (missing !== null) {
      test.skip(`${name} [${title}]: ${missing}`, () => {});
      continue;
    }
    test(`${name} [${title}]`, () => {
      using bench = new OpBench(options);
      body(bench);
    });
  }
}

/**
 * Check floats against their reference.
 *
 * @param actual The op's output.
 * @param expected The expected output.
 * @param tolerance How far apart element `index` may be.
 * @param what For the message.
 */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: (expected: number, index: number) => number,
  what: string,
): void {
  assertEquals(actual.length, expected.length, `${what}: length`);
  for (let i = 0; i < expected.length; i++) {
    const limit = tolerance(expected[i]!, i);
    const difference = Math.abs(actual[i]! - expected[i]!);
    assert(
      difference <= limit,
      `${what}: element ${i} is ${actual[i]}, not ${expected[i]} (off by ${difference}, allowed ${limit})`,
    );
  }
}

/**
 * Check floats for equality, bit for bit.
 *
 * @param actual The op's output.
 * @param expected The expected output.
 * @param what For the message.
 */
export function assertSameBits(actual: Float32Array, expected: Float32Array, what: string): void {
  assertEquals(actual.length, expected.length, `${what}: length`);
  const left = new Int32Array(actual.buffer, actual.byteOffset, actual.length);
  const right = new Int32Array(expected.buffer, expected.byteOffset, expected.length);
  const different = left.findIndex((word, i) => word !== right[i]);
  if (different < 0) return;
  const count = left.reduce((total, word, i) => total + (word === right[i] ? 0 : 1), 0);
  const [got, wanted] = [actual[different], expected[different]];
  fail(`${what}: ${count} of ${left.length} elements differ, first element ${different}, ${got} instead of ${wanted}`);
}
