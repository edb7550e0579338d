/**
 * The one clock of an engine: monotonic milliseconds with microsecond resolution, the same on every thread.
 *
 * `performance.now()` counts from its own thread's start in both runtimes, and so does `process.hrtime()`; only
 * `performance.timeOrigin` relates two threads. It is read from the wall clock once, when a thread starts; what follows
 * is monotonic, so a later step of the wall clock changes nothing.
 *
 * @module
 */

/** Milliseconds since an engine's origin. */
export type Clock = () => number;

/**
 * Where an engine's time begins.
 *
 * @returns The Unix time of this moment in milliseconds, to give to {@linkcode createClock} on every thread.
 */
export function clockOrigin(): number {
  return performance.timeOrigin + performance.now();
}

/** Milliseconds that the wall clock and the monotonic one may differ by, as the former is read in whole milliseconds. */
const WALL_CLOCK_RESOLUTION = 2;

/**
 * An engine's origin for a thread that is about to start. Such a thread reads the wall clock as it is then; if that was
 * set since this thread read it, all of its times would be off by as much.
 *
 * @param origin What {@linkcode clockOrigin} gave on this thread.
 * @returns What to give to {@linkcode createClock} on the new thread: the origin, moved as the wall clock was.
 */
export function clockOriginForThread(origin: number): number {
  // The two clocks are not read at the same moment; the closest of a few readings is the one that nothing came between.
  const readings = Array.from({ length: 5 }, () => Date.now() - clockOrigin());
  const step = readings.reduce((closest, reading) => (Math.abs(reading) < Math.abs(closest) ? reading : closest));
  return Math.abs(step) < WALL_CLOCK_RESOLUTION ? origin : origin + step;
}

/**
 * The engine's clock, on the calling thread.
 *
 * @param origin What {@linkcode clockOrigin} gave when the engine was made.
 * @returns A function that gives milliseconds since the origin, in whole microseconds.
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
 * A time without the digits that the clock does not have.
 *
 * @param milliseconds Any number of milliseconds.
 * @returns Milliseconds in whole microseconds.
 */
export function toMicroseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
