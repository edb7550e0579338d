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

/** Microseconds for which a wait asks in a loop, and those of each sleep from then on; both as in `cuda/wait.h`. */
const WAIT = { loop: 2000, sleep: 30 } as const;

/** The machine's own time: work is a busy loop, and waits are what they are in the CUDA library. */
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
      // Nobody wakes the sleeper: it wakes up by its timeout.
      if (now - start > WAIT.loop) Atomics.wait(this.#sleeper, 0, 0, Math.min(WAIT.sleep, time - now) / 1000);
    }
  }
}
