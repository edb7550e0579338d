/**
 * One request as the executor sees it: what was asked, how far it is, and what it holds.
 *
 * @module
 */
import type { SamplingParameters } from "./sampling.ts";
import type { StopCriteria } from "./stop_criteria.ts";

/**
 * Why a generation ended: `"stop"` at an end-of-sequence token or a stop string, `"length"` at `maxTokens`,
 * `"cancelled"` by the caller or by the engine's shutdown.
 */
export type FinishReason = "stop" | "length" | "cancelled";

/** A request's place: waiting for admission, holding a slot and KV blocks, or over. */
export type RequestStatus = "queued" | "running" | "finished";

/** What a request is made of; all of it was checked before. */
export interface RequestSpecification {
  readonly id: number;
  readonly promptTokenIds: Int32Array;
  /** Generated tokens at most, at least 1; with the prompt they fit the engine's context. */
  readonly maxTokens: number;
  readonly sampling: SamplingParameters;
  readonly stopCriteria: StopCriteria;
}

/** The mutable state of one request. Only the scheduler and the executor change it, each field where it says. */
export class Request {
  readonly id: number;
  readonly promptTokenIds: Int32Array;
  readonly maxTokens: number;
  readonly sampling: SamplingParameters;
  readonly stopCriteria: StopCriteria;

  /** Changed by the scheduler, at admission and at release. */
  status: RequestStatus = "queued";
  /** The request's row in the token table, while running; else -1. */
  slot = -1;
  /** The KV blocks it holds, in the order of its tokens. */
  blocks: Int32Array = new Int32Array(0);
  /** Tokens whose keys and values are in the cache, or will be after the steps in flight. */
  computedTokens = 0;
  /** Generated and kept tokens, oldest first. */
  readonly tokenIds: number[] = [];
  /** Set when a cancel arrives; acted on where requests are finished, never in the middle of a step. */
  cancelRequested = false;

  constructor(specification: RequestSpecification) {
    this.id = specification.id;
    this.promptTokenIds = specification.promptTokenIds;
    this.maxTokens = specification.maxTokens;
    this.sampling = specification.sampling;
    this.stopCriteria = specification.stopCriteria;
  }

  /** Length of the prompt. */
  get promptLength(): number {
    return this.promptTokenIds.length;
  }

  /** Tokens known so far, prompt and output. */
  get totalTokens(): number {
    return this.promptTokenIds.length + this.tokenIds.length;
  }

  /** The longest the sequence can get. */
  get maxTotalTokens(): number {
    return this.promptTokenIds.length + this.maxTokens;
  }

  /** Known tokens that are not in the cache yet: 1 while decoding, more while prefilling. */
  get remainingTokens(): number {
    return this.totalTokens - this.computedTokens;
  }
}
