/**
 * The memory of a scripted device: allocations with unique addresses, and operands in them.
 *
 * @module
 */
import { STATUS } from "../../../../ffi/abi.ts";
import type { Pointer } from "../../../../ffi/types.ts";
import { CallError, checkPositive, refuse } from "./checks.ts";

/** Device memory or pinned host memory. */
export type MemoryKind = "device" | "host";

/** Distance between allocations: ranges never overlap, and a division yields the allocation of an address. */
const ADDRESS_STRIDE = 2 ** 32;

/** One allocation with views as bytes and as int32; floats are copied as bits. */
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

/** A range of an allocation that work reads or writes. */
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

  /** Elements from the operand's first one to the allocation's end. */
  get capacity(): number {
    return this.allocation.ints.length - this.at;
  }
}

/** All allocations of a device. */
export class DeviceMemory {
  readonly #capacity: number;
  readonly #allocations = new Map<number, Allocation>();
  readonly #used = { device: 0, host: 0, weights: 0 };
  #next = 1;

  /** @param capacity Total bytes. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Bytes in use, by kind. */
  get used(): Readonly<Record<MemoryKind | "weights", number>> {
    return this.#used;
  }

  /** Free bytes. */
  get free(): number {
    return this.#capacity - this.#used.device - this.#used.host - this.#used.weights;
  }

  /** Number of allocations. */
  get count(): number {
    return this.#allocations.size;
  }

  /** Counts bytes as used. @throws {CallError} `OUT_OF_MEMORY`. */
  reserve(kind: MemoryKind | "weights", bytes: number): void {
    if (bytes > this.free) {
      throw new CallError(STATUS.OUT_OF_MEMORY, `bytes: ${bytes} are needed and ${this.free} are free`);
    }
    this.#used[kind] += bytes;
  }

  /** Counts reserved bytes as free. */
  unreserve(kind: MemoryKind | "weights", bytes: number): void {
    this.#used[kind] -= bytes;
  }

  /** @returns The new allocation's address. */
  allocate(kind: MemoryKind, bytes: number): number {
    checkPositive("bytes", bytes);
    this.reserve(kind, bytes);
    const address = this.#next++ * ADDRESS_STRIDE;
    this.#allocations.set(address, new Allocation(kind, address, bytes));
    return address;
  }

  /** Frees an allocation. @returns The allocation. */
  release(kind: MemoryKind, pointer: Pointer): Allocation {
    const allocation = this.#allocations.get(addressOf(pointer));
    if (allocation === undefined || allocation.kind !== kind) {
      const name = kind === "device" ? "device" : "pinned host";
      refuse(`address: ${addressOf(pointer)} is not the start of ${name} memory of this device`);
    }
    this.#allocations.delete(allocation.address);
    allocation.isFreed = true;
    this.unreserve(kind, allocation.size);
    return allocation;
  }

  /** Frees all memory. */
  clear(): void {
    for (const allocation of this.#allocations.values()) allocation.isFreed = true;
    this.#allocations.clear();
    this.#used.device = this.#used.host = this.#used.weights = 0;
  }

  /** The allocation that starts at an address. */
  at(address: number): Allocation | undefined {
    return this.#allocations.get(address);
  }

  /**
   * Resolves an operand and checks that its whole range is allocated.
   *
   * @param argument Its name in the header.
   * @param pointer Its start.
   * @param elements Its number of 32-bit elements.
   * @param kind The memory it must be in; any unless given.
   * @returns The operand.
   * @throws {CallError} `INVALID_ARGUMENT`.
   */
  operand(argument: string, pointer: Pointer | null, elements: number, kind?: MemoryKind): Operand {
    const operand = this.range(argument, pointer, elements * 4, kind);
    if (operand.offset % 4 !== 0) refuse(`${argument}: ${addressOf(pointer!)} is not aligned to 4 bytes`);
    return operand;
  }

  /** As {@linkcode operand}, for one that may be null. */
  operandOrNull(argument: string, pointer: Pointer | null, elements: number): Operand | null {
    return pointer === null ? null : this.operand(argument, pointer, elements);
  }

  /** As {@linkcode operand}, for a range of bytes. */
  range(argument: string, pointer: Pointer | null, bytes: number, kind?: MemoryKind): Operand {
    if (pointer === null) refuse(`${argument}: must not be null`);
    const address = addressOf(pointer);
    const offset = address % ADDRESS_STRIDE;
    const allocation = this.#allocations.get(address - offset);
    if (allocation === undefined) refuse(`${argument}: ${address} is not memory of this device`);
    const available = allocation.size - offset;
    if (bytes > available) {
      refuse(`${argument}: ${bytes} bytes are needed and its allocation ends after ${available}`);
    }
    if (kind !== undefined && allocation.kind !== kind) {
      const wanted = kind === "host" ? "pinned host memory (upbeat_host_allocate)" : "device memory";
      refuse(`${argument}: must be ${wanted}`);
    }
    return new Operand(allocation, offset);
  }
}

/** The address of a pointer; on a scripted device they are the same number. */
export function addressOf(pointer: Pointer): number {
  return pointer as unknown as number;
}

/** The pointer to an address. */
export function pointerFrom(address: number): Pointer {
  return address as unknown as Pointer;
}

/** @throws {CallError} If two ranges overlap. */
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
