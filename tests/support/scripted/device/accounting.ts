/**
 * What a scripted device was asked to do, and when it had nothing to do.
 *
 * @module
 */
import type { SymbolName } from "../../../../ffi/abi.ts";
import type { ForwardWork } from "./options.ts";

/** A forward pass on the device's timeline, in milliseconds. */
export interface ForwardRecord extends ForwardWork {
  /** When it was enqueued. */
  readonly enqueued: number;
  readonly start: number;
  readonly end: number;
}

/** A time in which a stream was empty before more work came, in milliseconds. */
export interface IdleGap {
  readonly from: number;
  readonly to: number;
}

/** Counts since the device was made, or since the last {@linkcode reset}. */
export class Accounting {
  readonly #keepsLists: boolean;
  readonly #calls = new Map<SymbolName, number>();
  #forwards: ForwardRecord[] = [];
  #gaps: IdleGap[] = [];
  #forwardCount = 0;
  #gapCount = 0;
  #busy = 0;
  #idle = 0;

  /** @param keepsLists Whether single forward passes and gaps are kept. */
  constructor(keepsLists: boolean) {
    this.#keepsLists = keepsLists;
  }

  /** Calls of a function. */
  calls(name: SymbolName): number {
    return this.#calls.get(name) ?? 0;
  }

  /** Forward passes that were launched, oldest first, warm-up included. */
  get forwards(): readonly ForwardRecord[] {
    return this.#forwards;
  }

  /** How many there were. */
  get forwardCount(): number {
    return this.#forwardCount;
  }

  /** Times in which the stream had run dry, oldest first. */
  get gaps(): readonly IdleGap[] {
    return this.#gaps;
  }

  /** How many there were. */
  get gapCount(): number {
    return this.#gapCount;
  }

  /** Milliseconds of all gaps. */
  get idleTime(): number {
    return this.#idle;
  }

  /** Milliseconds of all enqueued work. */
  get busyTime(): number {
    return this.#busy;
  }

  /** Begin anew, such as after warm-up. */
  reset(): void {
    this.#calls.clear();
    this.#forwards = [];
    this.#gaps = [];
    this.#forwardCount =
      this.#gapCount =
      this.#busy =
      this.#idle =
        0;
  }

  /** @internal */
  addCall(name: SymbolName): void {
    this.#calls.set(name, (this.#calls.get(name) ?? 0) + 1);
  }

  /** @internal Times in microseconds. */
  addForward(work: ForwardWork, enqueued: number, start: number, end: number): void {
    this.#forwardCount++;
    if (!this.#keepsLists) return;
    this.#forwards.push({ ...work, enqueued: enqueued / 1000, start: start / 1000, end: end / 1000 });
  }

  /** @internal Microseconds. */
  addBusy(duration: number): void {
    this.#busy += duration / 1000;
  }

  /** @internal Times in microseconds. */
  addGap(from: number, to: number): void {
    this.#gapCount++;
    this.#idle += (to - from) / 1000;
    if (this.#keepsLists) this.#gaps.push({ from: from / 1000, to: to / 1000 });
  }
}
