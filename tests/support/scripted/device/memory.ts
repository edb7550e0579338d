/**
 * The memory of a scripted device: allocations with addresses of their own, and operands that lie in them.
 *
 * @module
 */
import { STATUS } from "../../../../ffi/abi.ts";
import type { Pointer } from "../../../../ffi/types.ts";
import { CallError, checkPositive, refuse } from "./checks.ts";

/** Which memory: the device's own, or pinned host memory. */
export type MemoryKind = "device" | "host";

/** Addresses are this far apart, so an address leads to its allocation by a division, and no range runs into the next. */
const ADDRESS_STRIDE = 2 ** 32;

/** One allocation, seen as bytes and as int32; floats are moved by their bits. */
export class Allocation {
  readonly kind: MemoryKind;
  readonly address: number;
  readonly size: number;
  readonly buffer: ArrayBuffer;
  readonly bytes: Uint8Array;
  readonly ints: Int32Array;
  isFreed = false;

  constructor(kind: MemoryKind, address: number, size: number) {
    this.kind = kind;
    this.address = address;
    this.size = size;
    this.buffer = new ArrayBuffer(size);
    this.bytes = new Uint8Array(this.buffer);
    this.ints = new Int32Array(this.buffer, 0, Math.floor(size / 4));
  }
}

/** A place in an allocation that a piece of work reads or writes. */
export class Operand {
  readonly allocation: Allocation;
  /** Bytes from the allocation's start. */
  readonly offset: number;
  /** The allocation's int32 elements; this operand begins at {@linkcode at}. */
  readonly ints: Int32Array;
  /** Its first element. */
  readonly at: number;

  constructor(allocation: Allocation, offset: number) {
    this.allocation = allocation;
    this.offset = offset;
    this.ints = allocation.ints;
    this.at = offset / 4;
  }

  /** Elements from its first one to the allocation's end. */
  get room(): number {
    return this.allocation.ints.length - this.at;
  }
}

/** All allocations of a device. */
export class DeviceMemory {
  readonly #capacity: number;
  readonly #allocations = new Map<number, Allocation>();
  readonly #used = { device: 0, host: 0, weights: 0 };
  #next = 1;

  /** @param capacity Bytes in all. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Bytes held now, by kind. */
  get used(): Readonly<Record<MemoryKind | "weights", number>> {
    return this.#used;
  }

  /** Bytes nobody holds. */
  get free(): number {
    return this.#capacity - this.#used.device - this.#used.host - this.#used.weights;
  }

  /** Allocations there are now. */
  get count(): number {
    return this.#allocations.size;
  }

  /** @throws {CallError} When there are not so many bytes. */
  take(kind: MemoryKind | "weights", bytes: number): void {
    if (bytes > this.free) {
      throw new CallError(STATUS.OUT_OF_MEMORY, `bytes: ${bytes} are wanted and ${this.free} are free`);
    }
    this.#used[kind] += bytes;
  }

  /** Give back what was taken. */
  giveBack(kind: MemoryKind | "weights", bytes: number): void {
    this.#used[kind] -= bytes;
  }

  /** @returns The new allocation's address. */
  allocate(kind: MemoryKind, bytes: number): number {
    checkPositive("bytes", bytes);
    this.take(kind, bytes);
    const address = this.#next++ * ADDRESS_STRIDE;
    this.#allocations.set(address, new Allocation(kind, address, bytes));
    return address;
  }

  /** @returns What was freed. */
  release(kind: MemoryKind, pointer: Pointer): Allocation {
    const allocation = this.#allocations.get(addressOf(pointer));
    if (allocation === undefined || allocation.kind !== kind) {
      const name = kind === "device" ? "device" : "pinned host";
      refuse(`address: ${addressOf(pointer)} is not the start of ${name} memory of this device`);
    }
    this.#allocations.delete(allocation.address);
    allocation.isFreed = true;
    this.giveBack(kind, allocation.size);
    return allocation;
  }

  /** Free everything. */
  clear(): void {
    for (const allocation of this.#allocations.values()) allocation.isFreed = true;
    this.#allocations.clear();
    this.#used.device = this.#used.host = this.#used.weights = 0;
  }

  /** The allocation at an address that came from {@linkcode allocate}. */
  at(address: number): Allocation | undefined {
    return this.#allocations.get(address);
  }

  /**
   * Find an operand and check that it is all there.
   *
   * @param argument Its name in the header.
   * @param pointer Where it begins.
   * @param elements 32-bit elements it has.
   * @param kind The memory it must lie in; any unless given.
   * @returns The operand.
   * @throws {CallError} `INVALID_ARGUMENT`.
   */
  operand(argument: string, pointer: Pointer | null, elements: number, kind?: MemoryKind): Operand {
    const operand = this.range(argument, pointer, elements * 4, kind);
    if (operand.offset % 4 !== 0) refuse(`${argument}: ${addressOf(pointer!)} is not aligned to 4 bytes`);
    return operand;
  }

  /** The same for an operand that may be null. */
  operandOrNull(argument: string, pointer: Pointer | null, elements: number): Operand | null {
    return pointer === null ? null : this.operand(argument, pointer, elements);
  }

  /** The same for bytes. */
  range(argument: string, pointer: Pointer | null, bytes: number, kind?: MemoryKind): Operand {
    if (pointer === null) refuse(`${argument}: must not be null`);
    const address = addressOf(pointer);
    const offset = address % ADDRESS_STRIDE;
    const allocation = this.#allocations.get(address - offset);
    if (allocation === undefined) refuse(`${argument}: ${address} is not memory of this device`);
    const room = allocation.size - offset;
    if (bytes > room) refuse(`${argument}: ${bytes} bytes are needed and its allocation ends after ${room}`);
    if (kind !== undefined && allocation.kind !== kind) {
      const wanted = kind === "host" ? "pinned host memory (upbeat_host_allocate)" : "device memory";
      refuse(`${argument}: must be ${wanted}`);
    }
    return new Operand(allocation, offset);
  }
}

/** A scripted device's pointers are its addresses. */
export function addressOf(pointer: Pointer): number {
  return pointer as unknown as number;
}

/** The other way round. */
export function pointerFrom(address: number): Pointer {
  return address as unknown as Pointer;
}

/** @throws {CallError} When two ranges have a byte in common. */
export function checkDisjoint(
  firstArgument: string,
  first: Operand,
  secondArgument: string,
  second: Operand,
  firstBytes: number,
  secondBytes = firstBytes,
): void {
  if (first.allocation !== second.allocation) return;
  if (first.offset < second.offset + secondBytes && second.offset < first.offset + firstBytes) {
    refuse(`${firstArgument} and ${secondArgument}: must not overlap`);
  }
}
