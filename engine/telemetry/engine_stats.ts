/**
 * The state of an engine, and its totals since it was loaded.
 *
 * @module
 */
import { LatencyHistogram, type LatencySummary } from "./latency_histogram.ts";
import type { ExecutorCounters } from "./executor_counters.ts";

/** An engine's state and totals; a plain value. */
export interface EngineStats {
  /** Requests in the batch now that are not paused. */
  readonly running: number;
  /** Requests that wait for admission now, evicted ones included. */
  readonly waiting: number;
  /** Requests in the batch now that are paused until KV blocks are free. */
  readonly paused: number;
  /** Requests that ran to completion. */
  readonly finished: number;
  /** Requests that were cancelled. */
  readonly cancelled: number;
  /** Requests that failed, rejected ones included. */
  readonly failed: number;
  /** KV blocks of the pool now. */
  readonly kvBlocks: {
    /** In use by requests. */
    readonly used: number;
    /** Free, with content that is kept for later prompts. */
    readonly cached: number;
    /** All of them. */
    readonly total: number;
  };
  /** What the prefix cache saved. */
  readonly prefixCache: {
    /** Prompt tokens of admitted requests. */
    readonly queriedTokens: number;
    /** How many of these were found. */
    readonly hitTokens: number;
    /** `hitTokens / queriedTokens`; null before the first admission. */
    readonly hitRate: number | null;
  };
  /** Requests that made way for others when KV blocks ran out. */
  readonly preemptions: {
    /** Times that a request was paused. */
    readonly pauses: number;
    /** Times that a request lost its blocks and was recomputed. */
    readonly evictions: number;
  };
  /** Steps run. */
  readonly steps: number;
  /** Rows whose token was computed and dropped. */
  readonly wastedSteps: number;
  /** Milliseconds spent on steps. */
  readonly stepMs: number;
  /** How many of these were spent waiting for the device. */
  readonly deviceWaitMs: number;
  /** The engine-wide stream of events. */
  readonly events: {
    /** Open streams. */
    readonly consumers: number;
    /** Events dropped by streams that were read too slowly, since the engine was loaded. */
    readonly dropped: number;
  };
  /** Latencies over all requests since the engine was loaded, each counted as soon as it is known. */
  readonly latency: {
    /** From the call of `generate()` to the first token, of every request that got one. */
    readonly ttftMs: LatencySummary;
    /** From each token to the next of the same request, pauses and evictions included. */
    readonly interTokenMs: LatencySummary;
    /** From the call of `generate()` to the first step with some of its prompt, of every request that was admitted. */
    readonly queueMs: LatencySummary;
    /** From the call of `generate()` to the end, of every request that ran to completion. */
    readonly e2eMs: LatencySummary;
  };
}

/** How a request ended. */
export type RequestOutcome = "finished" | "cancelled" | "failed";

/** Counts and latencies over all requests of an engine. */
export class RequestTotals {
  finished = 0;
  cancelled = 0;
  failed = 0;
  readonly ttft = new LatencyHistogram();
  readonly interToken = new LatencyHistogram();
  readonly queue = new LatencyHistogram();
  readonly endToEnd = new LatencyHistogram();

  /**
   * A request ended.
   *
   * @param outcome How.
   * @param e2eMs Its time from arrival to end.
   */
  ended(outcome: RequestOutcome, e2eMs: number): void {
    this[outcome]++;
    // Other requests ended when they were cancelled or failed, which says nothing of the engine's speed.
    if (outcome === "finished") this.endToEnd.record(e2eMs);
  }
}

/** The inputs of {@linkcode engineStats}. */
export interface StatsSources {
  /** As of the executor's last output. */
  readonly counters: ExecutorCounters;
  readonly totals: RequestTotals;
  /** Requests that are not over on the caller's side. */
  readonly live: number;
  readonly kvBlocks: number;
  readonly events: EngineStats["events"];
}

/**
 * The stats of an engine.
 *
 * @param sources The state of the caller's side.
 * @returns A new plain value.
 */
export function engineStats({ counters, totals, live, kvBlocks, events }: StatsSources): EngineStats {
  const { running, paused, usedBlocks, cachedBlocks, prefixQueriedTokens, prefixHitTokens } = counters;
  return {
    running,
    // Includes requests that have not reached the executor yet.
    waiting: Math.max(0, live - running - paused),
    paused,
    finished: totals.finished,
    cancelled: totals.cancelled,
    failed: totals.failed,
    kvBlocks: { used: usedBlocks, cached: cachedBlocks, total: kvBlocks },
    prefixCache: {
      queriedTokens: prefixQueriedTokens,
      hitTokens: prefixHitTokens,
      hitRate: prefixQueriedTokens === 0 ? null : prefixHitTokens / prefixQueriedTokens,
    },
    preemptions: { pauses: counters.pauses, evictions: counters.evictions },
    steps: counters.steps,
    wastedSteps: counters.wastedSteps,
    stepMs: counters.stepTime,
    deviceWaitMs: counters.waitTime,
    events,
    latency: {
      ttftMs: totals.ttft.summary(),
      interTokenMs: totals.interToken.summary(),
      queueMs: totals.queue.summary(),
      e2eMs: totals.endToEnd.summary(),
    },
  };
}
