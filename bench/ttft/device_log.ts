/**
 * A log of the scripted device in shared memory, written on the executor's thread and read on the benchmark's.
 *
 * @module
 */

/** Number of recent forward passes kept; enough for several seconds. */
const CAPACITY = 1 << 14;

/** Layout of the header, which the entries of forward passes follow. */
const HEADER = { FORWARDS: 0, LIBRARY: 1, IDLE: 2, GAPS: 3, LENGTH: 8 } as const;

/** Totals since the device was opened; times in milliseconds. */
export interface DeviceTotals {
  /** Enqueued forward passes. */
  readonly forwards: number;
  /** Time spent by the executor's thread in the device's functions, waits excluded. */
  readonly library: number;
  /** Time for which the stream was empty before more work was enqueued. */
  readonly idle: number;
  /** Number of such gaps. */
  readonly gaps: number;
}

/** The log, with one writer and one reader. */
export class DeviceLog {
  /** The shared memory. */
  readonly memory: SharedArrayBuffer;
  readonly #values: Float64Array;

  /** @param memory The memory of another thread's log; new memory unless given. */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer((HEADER.LENGTH + CAPACITY) * 8)) {
    this.memory = memory;
    this.#values = new Float64Array(memory);
  }

  /** Adds time spent in the device's functions. */
  addLibraryTime(milliseconds: number): void {
    this.#values[HEADER.LIBRARY]! += milliseconds;
  }

  /** Adds an enqueued forward pass, with the stream's total idle time in milliseconds and number of gaps so far. */
  addForward(idle: number, gaps: number): void {
    const values = this.#values;
    const count = values[HEADER.FORWARDS]!;
    values[HEADER.LENGTH + (count % CAPACITY)] = values[HEADER.LIBRARY]!;
    values[HEADER.IDLE] = idle;
    values[HEADER.GAPS] = gaps;
    // Written last, as it publishes the entry.
    values[HEADER.FORWARDS] = count + 1;
  }

  /** The current totals. */
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
   * The total time spent in the device's functions when each forward pass was enqueued.
   *
   * @param first Number of the first forward pass, from 0; those that are no longer in the log are omitted.
   * @returns Milliseconds, in order of enqueuing.
   */
  libraryTimes(first: number): number[] {
    const count = this.#values[HEADER.FORWARDS]!;
    const from = Math.max(first, count - CAPACITY);
    return Array.from({ length: count - from }, (_, index) => {
      return this.#values[HEADER.LENGTH + ((from + index) % CAPACITY)]!;
    });
  }
}
