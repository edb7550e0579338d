/**
 * Requests measured by their callers: when each token is in the loop that reads it.
 *
 * @module
 */
import type { Engine, GenerateOptions } from "../../mod.ts";

/** A request to submit. */
export interface Request {
  readonly prompt: Int32Array;
  readonly options: GenerateOptions;
}

/** Measurements of a completed request; times in milliseconds. */
export interface ServedRequest {
  /** When `generate()` was called, on this thread's clock. */
  readonly start: number;
  /** When each token reached the caller's loop. */
  readonly tokenTimes: readonly number[];
  /** From the call of `generate()` until the first token reached the host: `metrics.ttftMs`. */
  readonly hostTtftMs: number;
  /** From then until it was sent: `metrics.emissionLagMs`. */
  readonly emissionLagMs: number;
  /** Steps whose token was discarded. */
  readonly wastedSteps: number;
}

/**
 * Submits a request and reads all of its tokens.
 *
 * @param engine The engine.
 * @param request What to generate.
 * @param onToken Called for each token with the number of tokens so far.
 * @param signal Cancels the request.
 * @returns Its measurements.
 */
export async function serve(
  engine: Engine,
  { prompt, options }: Request,
  onToken?: (count: number) => void,
  signal?: AbortSignal,
): Promise<ServedRequest> {
  const tokenTimes: number[] = [];
  const start = performance.now();
  const generation = engine.generate(prompt, options);
  // Not by the request's own signal, which would make the loop throw.
  signal?.addEventListener("abort", () => generation.cancel(), { once: true });
  for await (const { tokenIds } of generation.chunks()) {
    const time = performance.now();
    for (const _ of tokenIds) {
      tokenTimes.push(time);
      onToken?.(tokenTimes.length);
    }
  }
  const { metrics } = await generation.result;
  return {
    start,
    tokenTimes,
    hostTtftMs: metrics.ttftMs!,
    emissionLagMs: metrics.emissionLagMs!,
    wastedSteps: metrics.wastedSteps ?? 0,
  };
}

/**
 * Waits until a time on this thread's clock, to within microseconds; a timer alone is up to a millisecond late.
 *
 * @param time Milliseconds, as `performance.now()` counts them.
 */
export async function waitUntil(time: number): Promise<void> {
  while (true) {
    const left = time - performance.now();
    if (left <= 0) return;
    // The rest in turns of the event loop, so that other events are handled at once.
    if (left > 2) await new Promise((resolve) => setTimeout(resolve, left - 1.5));
    else await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Seeded pseudorandom numbers from 0 to below 1 (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
