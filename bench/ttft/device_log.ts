/**
 * What a device made of JavaScript did, in memory that the benchmark's thread reads while the executor's thread, on which
 * such a device lives, is in its loop.
 *
 * @module
 */

/** Forward passes that are kept: as many as the last some seconds have. */
const CAPACITY = 1 << 14;

/** Numbers at the beginning, before those of single forward passes. */
const HEADER = { FORWARDS: 0, LIBRARY: 1, IDLE: 2, GAPS: 3, LENGTH: 8 } as const;

/** Sums since the device was opened; times in milliseconds. */
export interface DeviceTotals {
  /** Forward passes that were enqueued. */
  readonly forwards: number;
  /** Time that the executor's thread spent in the device's functions, waiting for events apart. */
  readonly library: number;
  /** Time for which the stream was empty before more work came. */
  readonly idle: number;
  /** How often that was. */
  readonly gaps: number;
}

/** The log: one thread writes, another one reads. */
export class DeviceLog {
  /** What both threads share. */
  readonly memory: SharedArrayBuffer;
  readonly #values: Float64Array;

  /** @param memory Another thread's log; a new one unless given. */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer((HEADER.LENGTH + CAPACITY) * 8)) {
    this.memory = memory;
    this.#values = new Float64Array(memory);
  }

  /** The device's thread has spent time in one of its functions. */
  addLibraryTime(milliseconds: number): void {
    this.#values[HEADER.LIBRARY]! += milliseconds;
  }

  /** A forward pass is enqueued; the stream has been empty `gaps` times for `idle` milliseconds in all. */
  addForward(idle: number, gaps: number): void {
    const values = this.#values;
    const count = values[HEADER.FORWARDS]!;
    values[HEADER.LENGTH + (count % CAPACITY)] = values[HEADER.LIBRARY]!;
    values[HEADER.IDLE] = idle;
    values[HEADER.GAPS] = gaps;
    // Last: who reads this number may read the entry.
    values[HEADER.FORWARDS] = count + 1;
  }

  /** How things stand. */
  get totals(): DeviceTotals {
    const values = this.#values;
    return {
      forwards: values[HEADER.FORWARDS]!,
      library: values[HEADER.LIBRARY]!,
      idle: values[HEADER.IDLE]!,
      gaps: values[HEADER.GAPS]!,
    };
  }

  /**
   * For each forward pass from one on, the time that had been spent in the device's functions until then, as in
   * {@linkcode DeviceTotals}.
   *
   * @param first Its number, counted from 0; older ones than the log holds are left out.
   * @returns Milliseconds, in the order in which they were enqueued.
   */
  libraryTimes(first: number): number[] {
    const count = this.#values[HEADER.FORWARDS]!;
    const from = Math.max(first, count - CAPACITY);
    return Array.from({ length: count - from }, (_, index) => {
      return this.#values[HEADER.LENGTH + ((from + index) % CAPACITY)]!;
    });
  }
}
