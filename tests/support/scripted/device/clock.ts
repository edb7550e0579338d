/**
 * The two clocks of a scripted device, in microseconds.
 *
 * @module
 */

/** A clock, and how the calling thread spends time on it. */
export interface DeviceClock {
  /** Microseconds since the clock was created. */
  now(): number;
  /** The calling thread works for some time. */
  spend(microseconds: number): void;
  /** The calling thread waits until a time; returns at once if it has passed. */
  waitUntil(time: number): void;
}

/** A clock that advances only when a thread works or waits. */
export class VirtualClock implements DeviceClock {
  #time = 0;

  now(): number {
    return this.#time;
  }

  spend(microseconds: number): void {
    this.#time += microseconds;
  }

  waitUntil(time: number): void {
    if (time > this.#time) this.#time = time;
  }
}

/** Microseconds for which a wait polls, and the length of each sleep after that; both as in `cuda/streams/wait.h`. */
const WAIT = { loop: 2000, sleep: 30 } as const;

/** The machine's clock: work is a busy loop, and waits are those of the CUDA library. */
export class RealClock implements DeviceClock {
  readonly #origin = performance.now();
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));

  now(): number {
    return (performance.now() - this.#origin) * 1000;
  }

  spend(microseconds: number): void {
    const end = this.now() + microseconds;
    while (this.now() < end);
  }

  waitUntil(time: number): void {
    const start = this.now();
    for (let now = start; now < time; now = this.now()) {
      // Never notified: the wait is a sleep.
      if (now - start > WAIT.loop) Atomics.wait(this.#sleeper, 0, 0, Math.min(WAIT.sleep, time - now) / 1000);
    }
  }
}
