/**
 * Ranges of memory that a device owns.
 *
 * @module
 */

import { UpbeatError } from "../errors.ts";
import type { DeviceLibrary, DeviceMemory, HostMemory } from "./interface.ts";
import type { Pointer } from "./types.ts";

/** A range of device memory, freed by the function it was made with. */
export class Memory implements DeviceMemory {
  readonly address: number;
  readonly pointer: Pointer;
  readonly bytes: number;
  readonly #library: DeviceLibrary;
  readonly #release: (memory: Memory) => void;

  /**
   * @param library Where it came from.
   * @param address Its first byte.
   * @param bytes Its length.
   * @param release What {@linkcode Memory.free} does; may be called again and must not mind.
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
   * @param library Where it came from.
   * @param address Its first byte.
   * @param bytes Its length.
   * @param release What freeing it does.
   */
  constructor(library: DeviceLibrary, address: number, bytes: number, release: (memory: Memory) => void) {
    super(library, address, bytes, release);
    this.view = library.viewMemory(address, bytes);
  }

  /** Make the view, and every typed array over it, empty: the memory behind it is about to go. */
  detach(): void {
    if (!this.view.detached) this.view.transfer(0);
  }
}
