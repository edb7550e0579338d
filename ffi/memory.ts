/**
 * Ranges of memory owned by a device.
 *
 * @module
 */

import { UpbeatError } from "../errors.ts";
import type { DeviceLibrary, DeviceMemory, HostMemory } from "./interface.ts";
import type { Pointer } from "./types.ts";

/** A range of device memory. */
export class Memory implements DeviceMemory {
  readonly address: number;
  readonly pointer: Pointer;
  readonly bytes: number;
  readonly #library: DeviceLibrary;
  readonly #release: (memory: Memory) => void;

  /**
   * @param library The library that allocated it.
   * @param address Its first byte.
   * @param bytes Its length.
   * @param release Called by {@linkcode Memory.free}; further calls must have no effect.
   */
  constructor(library: DeviceLibrary, address: number, bytes: number, release: (memory: Memory) => void) {
    this.#library = library;
    this.#release = release;
    this.address = address;
    this.bytes = bytes;
    this.pointer = library.pointerFrom(address);
  }

  at(byteOffset: number): Pointer {
    if (!Number.isInteger(byteOffset) || byteOffset < 0 || byteOffset > this.bytes) {
      throw new UpbeatError(
        "DEVICE_INVALID_ARGUMENT",
        `byteOffset must be an integer from 0 to ${this.bytes}, the length of the memory, got ${byteOffset}`,
        { field: "byteOffset", value: byteOffset, bytes: this.bytes },
      );
    }
    return this.#library.pointerFrom(this.address + byteOffset);
  }

  free(): void {
    this.#release(this);
  }

  [Symbol.dispose](): void {
    this.free();
  }
}

/** A range of pinned host memory. */
export class PinnedMemory extends Memory implements HostMemory {
  readonly view: ArrayBuffer;

  /**
   * @param library The library that allocated it.
   * @param address Its first byte.
   * @param bytes Its length.
   * @param release Frees it.
   */
  constructor(library: DeviceLibrary, address: number, bytes: number, release: (memory: Memory) => void) {
    super(library, address, bytes, release);
    this.view = library.viewMemory(address, bytes);
  }

  /** Detach the view, and with it every typed array over it, before the memory is freed. */
  detach(): void {
    if (!this.view.detached) this.view.transfer(0);
  }
}
