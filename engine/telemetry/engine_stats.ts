/**
 * How an engine stands, and what it has done since it was loaded.
 *
 * @module
 */
import { LatencyHistogram, type LatencySummary } from "./latency_histogram.ts";
import type { ExecutorCounters } from "./executor_counters.ts";

/** An engine's state and its counts; a plain value. */
export interface EngineStats {
  /** Requests that hold a place in the batch now. */
  readonly running: number;
  /** Requests that wait for admission now, evicted ones included. */
  readonly waiting: number;
  /** Requests that hold a place in the batch and wait for KV blocks now. */
  readonly paused: number;
  /** Requests that ended by themselves. */
  readonly finished: number;
  /** Requests that were cancelled. */
  readonly cancelled: number;
  /** Requests that failed, those included that were refused at once. */
  readonly failed: number;
  /** KV blocks of the pool now. */
  readonly kvBlocks: {
    /** Held by requests. */
    readonly used: number;
    /** Held by nobody, with content that is kept for later prompts; they are as good as free. */
    readonly cached: number;
    /** All of them. */
    readonly total: number;
  };
  /** What the prefix cache saved. */
  readonly prefixCache: {
    /** Prompt tokens of admitted requests. */
    readonly queriedTokens: number;
    /** How many of them were found. */
    readonly hitTokens: number;
    /** The latter's part of the former; null when no request was admitted yet. */
    readonly hitRate: number | null;
  };
  /** What was done for want of KV blocks. */
  readonly preemptions: {
    /** Times that a request was paused. */
    readonly pauses: number;
    /** Times that a request lost its blocks and was computed again. */
    readonly evictions: number;
  };
  /** Steps run. */
  readonly steps: number;
  /** Rows computed whose token nobody saw. */
  readonly wastedSteps: number;
  /** Milliseconds spent on steps. */
  readonly stepMs: number;
  /** Milliseconds of them spent waiting for the device. */
  readonly deviceWaitMs: number;
  /** The engine-wide stream of events. */
  readonly events: {
    /** Streams that are read now. */
    readonly consumers: number;
    /** Events that streams have dropped, since the engine was loaded, because they were read too slowly. */
    readonly dropped: number;
  };
  /** Times over all requests since the engine was loaded, each counted as soon as it is known. */
  readonly latency: {
    /** From the call of `generate()` to the first token, of every request that got one. */
    readonly ttftMs: LatencySummary;
    /** From each token to the next of the same request, pauses and evictions included. */
    readonly interTokenMs: LatencySummary;
    /** From the call of `generate()` to the first step that computed some of it, of every request that was admitted. */
    readonly queueMs: LatencySummary;
    /** From the call of `generate()` to the end, of every request that ended by itself. */
    readonly e2eMs: LatencySummary;
  };
}

/** How a request ended. */
export type RequestOutcome = "finished" | "cancelled" | "failed";

/** Counts and times over all requests of an engine. */
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
    // How long others took says when they were given up, not how fast the engine is.
    if (outcome === "finished") this.endToEnd.record(e2eMs);
  }
}

/** What {@linkcode engineStats} is made from. */
export interface StatsSources {
  /** As of the executor's last message. */
  readonly counters: ExecutorCounters;
  readonly totals: RequestTotals;
  /** Requests that have not ended, as this side knows. */
  readonly live: number;
  readonly kvBlocks: number;
  readonly events: EngineStats["events"];
}

/**
 * The stats of an engine.
 *
 * @param sources What is known on the caller's side.
 * @returns A new plain value.
 */
export function engineStats({ counters, totals, live, kvBlocks, events }: StatsSources): EngineStats {
  const { running, paused, usedBlocks, cachedBlocks, prefixQueriedTokens, prefixHitTokens } = counters;
  return {
    running,
    // Requests that are on their way to the executor wait too, and it does not know of them.
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
