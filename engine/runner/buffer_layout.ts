/**
 * Buffers of several arrays with one layout on host and device, so that one copy moves them all and captured graphs find each
 * at a fixed address.
 *
 * @module
 */
import type { Device, DeviceMemory, HostMemory } from "../../ffi/interface.ts";
import type { Pointer } from "../../ffi/types.ts";

/** Alignment of arrays in bytes. */
const ALIGNMENT = 64;

/** Offsets of the arrays in a buffer. All elements have 32 bits. */
export class BufferLayout<Name extends string> {
  /** Bytes of the whole buffer. */
  readonly bytes: number;
  readonly #offsets = new Map<Name, number>();
  readonly #lengths: Readonly<Record<Name, number>>;

  /** @param lengths Elements of each array, in order. */
  constructor(lengths: Readonly<Record<Name, number>>) {
    this.#lengths = lengths;
    let offset = 0;
    for (const [name, length] of Object.entries(lengths) as [Name, number][]) {
      this.#offsets.set(name, offset);
      offset += Math.ceil((length * 4) / ALIGNMENT) * ALIGNMENT;
    }
    this.bytes = offset;
  }

  /** The arrays, in order. */
  get names(): Iterable<Name> {
    return this.#offsets.keys();
  }

  /** Byte offset of an array. */
  offset(name: Name): number {
    return this.#offsets.get(name)!;
  }

  /** Elements of an array. */
  length(name: Name): number {
    return this.#lengths[name];
  }
}

/** A buffer on the device. */
export class DeviceBuffer<Name extends string> {
  /** The memory itself. */
  readonly memory: DeviceMemory;
  /** Created once: a pointer is an object in Deno. */
  readonly #pointers = new Map<Name, Pointer>();

  /**
   * @param device Where to allocate it.
   * @param layout Its arrays.
   */
  constructor(device: Device, layout: BufferLayout<Name>) {
    this.memory = device.allocate(layout.bytes);
    for (const name of layout.names) this.#pointers.set(name, this.memory.at(layout.offset(name)));
  }

  /** The address of an array. */
  pointer(name: Name): Pointer {
    return this.#pointers.get(name)!;
  }
}

/** A buffer in pinned host memory. */
export class HostBuffer<Name extends string> {
  /** The memory itself. */
  readonly memory: HostMemory;
  readonly #layout: BufferLayout<Name>;

  /**
   * @param device Where to allocate it.
   * @param layout Its arrays.
   */
  constructor(device: Device, layout: BufferLayout<Name>) {
    this.#layout = layout;
    this.memory = device.allocateHost(layout.bytes);
  }

  /** An array as int32. */
  ints(name: Name): Int32Array {
    return new Int32Array(this.memory.view, this.#layout.offset(name), this.#layout.length(name));
  }

  /** An array as F32. */
  floats(name: Name): Float32Array {
    return new Float32Array(this.memory.view, this.#layout.offset(name), this.#layout.length(name));
  }
}
