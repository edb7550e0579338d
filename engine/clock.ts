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

/**
 * The engine's clock, on the calling thread.
 *
 * @param origin What {@linkcode clockOrigin} gave when the engine was made.
 * @returns A function that gives milliseconds since the origin.
 * @example
 * ```ts
 * const now = createClock(clockOrigin());
 * console.log(now() < 1000); // true
 * ```
 */
export function createClock(origin: number): Clock {
  const offset = performance.timeOrigin - origin;
  return () => offset + performance.now();
}
