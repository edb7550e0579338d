/**
 * The one clock of an engine: monotonic milliseconds with microsecond resolution, shared by all threads.
 *
 * `performance.now()` counts from its own thread's start in both runtimes, and so does `process.hrtime()`; only
 * `performance.timeOrigin` relates two threads. It is read from the wall clock once, when a thread starts; times after
 * that are monotonic, so setting the wall clock has no effect on them.
 *
 * @module
 */

/** Milliseconds since an engine's origin. */
export type Clock = () => number;

/**
 * The origin of a new engine's clock.
 *
 * @returns The current Unix time in milliseconds, for {@linkcode createClock} on every thread.
 */
export function clockOrigin(): number {
  return performance.timeOrigin + performance.now();
}

/** Milliseconds by which the two clocks may differ, as the wall clock has whole milliseconds. */
const WALL_CLOCK_RESOLUTION = 2;

/**
 * The origin for a thread that is about to start. That thread reads the wall clock anew; if it was set since this
 * thread read it, all of that thread's times would be off by the difference.
 *
 * @param origin The origin on this thread.
 * @returns The origin for {@linkcode createClock} on the new thread: moved by as much as the wall clock was set.
 */
export function clockOriginForThread(origin: number): number {
  // The clocks are read one after the other: of a few readings, the closest one was not interrupted.
  const readings = Array.from({ length: 5 }, () => Date.now() - clockOrigin());
  const step = readings.reduce((closest, reading) => (Math.abs(reading) < Math.abs(closest) ? reading : closest));
  return Math.abs(step) < WALL_CLOCK_RESOLUTION ? origin : origin + step;
}

/**
 * The engine's clock, on the calling thread.
 *
 * @param origin The engine's origin.
 * @returns A function that returns milliseconds since the origin, in whole microseconds.
 * @example
 * ```ts
 * const now = createClock(clockOrigin());
 * console.log(now() < 1000); // true
 * ```
 */
export function createClock(origin: number): Clock {
  const offset = performance.timeOrigin - origin;
  return () => toMicroseconds(offset + performance.now());
}

/**
 * Round a time to the clock's resolution.
 *
 * @param milliseconds Any number of milliseconds.
 * @returns Milliseconds in whole microseconds.
 */
export function toMicroseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
