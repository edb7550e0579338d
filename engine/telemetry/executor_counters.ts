/**
 * Counters of the executor's work.
 *
 * @module
 */
/** Counters of the executor's work since it started, and its current state. */
export interface ExecutorCounters {
  /** Steps run. */
  readonly steps: number;
  /** Milliseconds for which the loop was not idle. */
  readonly stepTime: number;
  /** Milliseconds of them spent waiting for the device. */
  readonly waitTime: number;
  /** KV blocks in use by requests now. */
  readonly usedBlocks: number;
  /** KV blocks that are free, with content that is kept for later prompts. */
  readonly cachedBlocks: number;
  /** Requests in the batch now that are not paused. */
  readonly running: number;
  /** Requests in the batch now that are paused until KV blocks are free. */
  readonly paused: number;
  /** Requests that wait for admission now, evicted ones included. */
  readonly waiting: number;
  /** Times that a request was paused. */
  readonly pauses: number;
  /** Times that a request was evicted. */
  readonly evictions: number;
  /** Rows whose token was computed and dropped. */
  readonly wastedSteps: number;
  /** Prompt tokens of admitted requests. */
  readonly prefixQueriedTokens: number;
  /** How many of these were found in the prefix cache. */
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
