/**
 * Buffers of several arrays with one layout on host and device, so that one copy moves them all and captured graphs
 * find each at a fixed address.
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
  /** Byte offset of each array. */
  readonly offsets: Readonly<Record<Name, number>>;
  /** Elements of each array. */
  readonly lengths: Readonly<Record<Name, number>>;

  /** @param lengths Elements of each array, in order. */
  constructor(lengths: Readonly<Record<Name, number>>) {
    let bytes = 0;
    this.lengths = lengths;
    this.offsets = mapRecord(lengths, (length) => {
      const offset = bytes;
      bytes += Math.ceil((length * 4) / ALIGNMENT) * ALIGNMENT;
      return offset;
    });
    this.bytes = bytes;
  }
}

/** A buffer on the device. */
export class DeviceBuffer<Name extends string> {
  /** The memory itself. */
  readonly memory: DeviceMemory;
  /** The address of each array. */
  readonly pointers: Readonly<Record<Name, Pointer>>;

  /**
   * @param device Where to allocate it.
   * @param layout Its arrays.
   */
  constructor(device: Device, { bytes, offsets }: BufferLayout<Name>) {
    const memory = device.allocate(bytes);
    this.memory = memory;
    this.pointers = mapRecord(offsets, (offset) => memory.at(offset));
  }
}

/** A buffer in pinned host memory. */
export class HostBuffer<Name extends string> {
  /** The memory itself. */
  readonly memory: HostMemory;
  /** Each array as int32. */
  readonly ints: Readonly<Record<Name, Int32Array>>;
  /** Each array as F32. */
  readonly floats: Readonly<Record<Name, Float32Array>>;

  /**
   * @param device Where to allocate it.
   * @param layout Its arrays.
   */
  constructor(device: Device, { bytes, offsets, lengths }: BufferLayout<Name>) {
    const memory = device.allocateHost(bytes);
    this.memory = memory;
    this.ints = mapRecord(offsets, (offset, name) => new Int32Array(memory.view, offset, lengths[name]));
    this.floats = mapRecord(offsets, (offset, name) => new Float32Array(memory.view, offset, lengths[name]));
  }
}

function mapRecord<Name extends string, From, To>(
  record: Readonly<Record<Name, From>>,
  map: (value: From, name: Name) => To,
): Record<Name, To> {
  const entries = Object.entries<From>(record) as [Name, From][];
  return Object.fromEntries(entries.map(([name, value]) => [name, map(value, name)])) as Record<Name, To>;
}
