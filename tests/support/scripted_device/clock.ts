/**
 * The two clocks of a scripted device, in microseconds.
 *
 * @module
 */

/** Time, and how a thread spends it. */
export interface DeviceClock {
  /** Microseconds since the clock was made. */
  now(): number;
  /** The calling thread works for so long. */
  spend(microseconds: number): void;
  /** The calling thread waits until a point in time; not at all when it has passed. */
  waitUntil(time: number): void;
}

/** Time that moves only when somebody works or waits. */
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

/** A sleeping thread wakes up late by less than this, mostly. */
const WAKE_UP_DELAY = 200;

/** The machine's own time: work is a busy loop, a wait is a sleep with a spin at its end. */
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
    for (let left = time - this.now(); left > 0; left = time - this.now()) {
      // Nobody wakes the sleeper: it wakes up by its timeout.
      if (left > WAKE_UP_DELAY) Atomics.wait(this.#sleeper, 0, 0, (left - WAKE_UP_DELAY) / 1000);
    }
  }
}
