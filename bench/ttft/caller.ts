/**
 * Requests as their callers see them: when each token is there in the loop that reads it.
 *
 * @module
 */
import type { Engine, GenerateOptions } from "../../mod.ts";

/** A request to make. */
export interface Request {
  readonly prompt: Int32Array;
  readonly options: GenerateOptions;
}

/** What a request came to; times in milliseconds. */
export interface Served {
  /** When `generate()` was called, on this thread's clock. */
  readonly start: number;
  /** When each token was in the caller's loop. */
  readonly tokenTimes: readonly number[];
  /** From the call of `generate()` to when the executor knew the first token's value: `metrics.ttftMs`. */
  readonly known: number;
  /** From then to when the executor handed it over: `metrics.emissionLagMs`. */
  readonly emissionLag: number;
  /** Steps whose token nobody saw. */
  readonly wastedSteps: number;
}

/**
 * Make a request and read it to its end.
 *
 * @param engine The engine.
 * @param request What to generate.
 * @param onToken Called for each token, once its time is taken.
 * @param signal Cancels it.
 * @returns What it came to.
 */
export async function serve(
  engine: Engine,
  { prompt, options }: Request,
  onToken?: (count: number) => void,
  signal?: AbortSignal,
): Promise<Served> {
  const tokenTimes: number[] = [];
  const start = performance.now();
  const generation = engine.generate(prompt, { ...options, signal });
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
    known: metrics.ttftMs!,
    emissionLag: metrics.emissionLagMs!,
    wastedSteps: metrics.wastedSteps ?? 0,
  };
}

/**
 * Wait until a moment on this thread's clock, to some microseconds: a timer alone is late by a millisecond.
 *
 * @param time Milliseconds, as `performance.now()` counts them.
 */
export async function waitUntil(time: number): Promise<void> {
  while (true) {
    const left = time - performance.now();
    if (left <= 0) return;
    // The rest in turns of the event loop, so that whatever else arrives is handled at once.
    if (left > 2) await new Promise((resolve) => setTimeout(resolve, left - 1.5));
    else await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Random numbers between 0 and 1, the same for the same seed: mulberry32. */
export function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
