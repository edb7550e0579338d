/**
 * Counters of the executor's work.
 *
 * @module
 */
/** Counters of the executor's work, since it started, and how things stand now. */
export interface ExecutorCounters {
  /** Steps run. */
  readonly steps: number;
  /** Milliseconds that the loop ran: all but its waiting for messages. */
  readonly stepTime: number;
  /** Milliseconds of them spent waiting for the device. */
  readonly waitTime: number;
  /** KV blocks that requests hold now. */
  readonly usedBlocks: number;
  /** KV blocks that nobody holds and whose content is kept for later prompts. */
  readonly cachedBlocks: number;
  /** Requests that hold a slot now and are not paused. */
  readonly running: number;
  /** Requests that hold a slot now and wait for KV blocks. */
  readonly paused: number;
  /** Requests that wait for a slot now, evicted ones included. */
  readonly waiting: number;
  /** Times that a request was paused. */
  readonly pauses: number;
  /** Times that a request was evicted. */
  readonly evictions: number;
  /** Rows computed whose token nobody saw. */
  readonly wastedSteps: number;
  /** Prompt tokens of admitted requests. */
  readonly prefixQueriedTokens: number;
  /** How many of them were found in the prefix cache. */
  readonly prefixHitTokens: number;
}

/** The counters of an executor before its first output. */
export const NO_COUNTERS: ExecutorCounters = {
  steps: 0,
  stepTime: 0,
  waitTime: 0,
  usedBlocks: 0,
  cachedBlocks: 0,
  running: 0,
  paused: 0,
  waiting: 0,
  pauses: 0,
  evictions: 0,
  wastedSteps: 0,
  prefixQueriedTokens: 0,
  prefixHitTokens: 0,
};
