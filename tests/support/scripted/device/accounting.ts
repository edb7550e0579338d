/**
 * Counts the calls, forward passes, busy time and idle gaps of a scripted device.
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

/** A period in which a stream was empty before more work was enqueued, in milliseconds. */
export interface IdleGap {
  readonly from: number;
  readonly to: number;
}

/** Counts since the device was created, or since the last {@linkcode reset}. */
export class Accounting {
  readonly #keepsHistory: boolean;
  readonly #calls = new Map<SymbolName, number>();
  #forwards: ForwardRecord[] = [];
  #gaps: IdleGap[] = [];
  #forwardCount = 0;
  #gapCount = 0;
  #busy = 0;
  #idle = 0;

  /** @param keepsHistory Whether forward passes and gaps are listed, or only counted. */
  constructor(keepsHistory: boolean) {
    this.#keepsHistory = keepsHistory;
  }

  /** Calls of a function. */
  calls(name: SymbolName): number {
    return this.#calls.get(name) ?? 0;
  }

  /** Launched forward passes, oldest first. */
  get forwards(): readonly ForwardRecord[] {
    return this.#forwards;
  }

  /** Number of launched forward passes. */
  get forwardCount(): number {
    return this.#forwardCount;
  }

  /** Idle gaps, oldest first. */
  get gaps(): readonly IdleGap[] {
    return this.#gaps;
  }

  /** Number of idle gaps. */
  get gapCount(): number {
    return this.#gapCount;
  }

  /** Total duration of the gaps, in milliseconds. */
  get idleTime(): number {
    return this.#idle;
  }

  /** Total duration of the enqueued work, in milliseconds. */
  get busyTime(): number {
    return this.#busy;
  }

  /** Resets all counts, for example after warm-up. */
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
    if (!this.#keepsHistory) return;
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
    if (this.#keepsHistory) this.#gaps.push({ from: from / 1000, to: to / 1000 });
  }
}
