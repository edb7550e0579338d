/**
 * Times and counts of one request, from its events.
 *
 * @module
 */
import { toMicroseconds } from "./clock.ts";
import type { RequestOutcome, RequestTotals } from "./engine_stats.ts";

/** Times of one request, in milliseconds, and counts; null where undefined. */
export interface RequestMetrics {
  /** Time to turn the prompt into tokens; null where it was given as tokens. */
  readonly tokenizeMs: number | null;
  /** From the call of `generate()` to the first step with some of its prompt. */
  readonly queueMs: number | null;
  /** From there to the first token. */
  readonly prefillMs: number | null;
  /** From the call of `generate()` to the first token. */
  readonly ttftMs: number | null;
  /** From the first token to the last; null with fewer than two. */
  readonly decodeMs: number | null;
  /** Mean time per token after the first; null with fewer than two tokens. */
  readonly tpotMs: number | null;
  /** Times between tokens, one fewer than tokens; null with fewer than two, or unless token events are recorded. */
  readonly itlMs: readonly number[] | null;
  /** From the call of `generate()` to the end; null until then. */
  readonly e2eMs: number | null;
  /** Prompt tokens found in the prefix cache when it was first admitted; null when it never was. */
  readonly cachedTokens: number | null;
  /** How often it was evicted. */
  readonly preemptions: number;
  /** Steps that computed a token which was dropped; null where it did not finish. */
  readonly wastedSteps: number | null;
  /** From when the first token's value was known until the executor sent it to the caller's side. */
  readonly emissionLagMs: number | null;
}

/**
 * Accumulates {@linkcode RequestMetrics}, in constant time and space per event, and the totals over all requests.
 */
export class MetricsAccumulator {
  readonly #arrival: number;
  /** Time to turn the prompt into tokens; null where it was given as tokens. */
  tokenizeMs: number | null;
  readonly #totals: RequestTotals;
  #scheduled: number | null = null;
  #cachedTokens: number | null = null;
  #firstToken: number | null = null;
  #lastToken: number | null = null;
  #tokens = 0;
  #emissionLag: number | null = null;
  #preemptions = 0;
  #end: number | null = null;
  #wastedSteps: number | null = null;

  /**
   * @param arrival When `generate()` was called, in milliseconds on the engine's clock, as all times here.
   * @param tokenizeMs Time to turn the prompt into tokens; null where it was given as tokens.
   * @param totals Counts and times over all requests.
   */
  constructor(arrival: number, tokenizeMs: number | null, totals: RequestTotals) {
    this.#arrival = arrival;
    this.tokenizeMs = tokenizeMs;
    this.#totals = totals;
  }

  /** Whether it was ever admitted. */
  get wasScheduled(): boolean {
    return this.#scheduled !== null;
  }

  /** Time to the first token, from the original arrival. */
  get ttftMs(): number | null {
    return since(this.#arrival, this.#firstToken);
  }

  /** A prompt chunk was scheduled; `cachedTokens` of the prompt were found in the prefix cache. */
  chunk(time: number, cachedTokens: number): void {
    if (this.#scheduled !== null) return;
    this.#scheduled = time;
    this.#cachedTokens = cachedTokens;
    this.#totals.queue.record(toMicroseconds(time - this.#arrival));
  }

  /** A token was known at `time` and sent at `emittedAt`. */
  token(time: number, emittedAt: number): void {
    this.#tokens++;
    const last = this.#lastToken;
    this.#lastToken = time;
    if (last !== null) return this.#totals.interToken.record(toMicroseconds(time - last));
    this.#totals.ttft.record(toMicroseconds(time - this.#arrival));
    this.#firstToken = time;
    this.#emissionLag = Math.max(0, emittedAt - time);
  }

  /** It was evicted. */
  evicted(): void {
    this.#preemptions++;
  }

  /** It ended. */
  over(time: number, wastedSteps: number | null, outcome: RequestOutcome): void {
    this.#end = time;
    this.#wastedSteps = wastedSteps;
    this.#totals.ended(outcome, toMicroseconds(time - this.#arrival));
  }

  /**
   * The metrics so far.
   *
   * @param tokenTimes When each token was known; null where tokens are not recorded.
   * @returns Times with microsecond resolution.
   */
  metrics(tokenTimes: readonly number[] | null): RequestMetrics {
    const hasDecoded = this.#tokens >= 2;
    const decode = hasDecoded ? this.#lastToken! - this.#firstToken! : null;
    return {
      tokenizeMs: this.tokenizeMs === null ? null : toMicroseconds(this.tokenizeMs),
      queueMs: since(this.#arrival, this.#scheduled),
      prefillMs: this.#scheduled === null ? null : since(this.#scheduled, this.#firstToken),
      ttftMs: this.ttftMs,
      decodeMs: decode === null ? null : toMicroseconds(decode),
      tpotMs: decode === null ? null : toMicroseconds(decode / (this.#tokens - 1)),
      itlMs: hasDecoded && tokenTimes !== null ? gaps(tokenTimes) : null,
      e2eMs: since(this.#arrival, this.#end),
      cachedTokens: this.#cachedTokens,
      preemptions: this.#preemptions,
      wastedSteps: this.#wastedSteps,
      emissionLagMs: this.#emissionLag === null ? null : toMicroseconds(this.#emissionLag),
    };
  }
}

function since(start: number, end: number | null): number | null {
  return end === null ? null : toMicroseconds(end - start);
}

function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => toMicroseconds(time - times[index]!));
}
