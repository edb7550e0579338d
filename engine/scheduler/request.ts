/**
 * One request as the executor sees it: what was asked, how far it is, and what it holds.
 *
 * @module
 */
import type { TokenMoment } from "../events/moment.ts";
import type { SamplingParameters } from "../config/sampling_options.ts";
import type { StopCriteria } from "./stop_criteria.ts";

/** How a token ended a generation. */
export interface Ending {
  readonly reason: "stop" | "length";
  /** The stop string or end-of-sequence token, where one did. */
  readonly stopReason: string | number | null;
}

/**
 * A request's place: `queued → running ⇄ paused → finished | failed`, and from running or paused back to queued when it is
 * evicted. Running and paused requests hold a slot and KV blocks; the others hold nothing.
 */
export type RequestStatus = "queued" | "running" | "paused" | "finished" | "failed";

/** What a request is made of; all of it was checked before. */
export interface RequestSpecification {
  readonly id: number;
  readonly promptTokenIds: Int32Array;
  /** Generated tokens at most, at least 1; with the prompt they fit the engine's context. */
  readonly maxTokens: number;
  readonly sampling: SamplingParameters;
  readonly stopCriteria: StopCriteria;
  /** Whether its tokens are told with the use of the KV cache; false unless given. */
  readonly trackTokens?: boolean;
}

/** The mutable state of one request. Only the scheduler and the executor change it, each field where it says. */
export class Request {
  readonly id: number;
  readonly promptTokenIds: Int32Array;
  readonly maxTokens: number;
  readonly sampling: SamplingParameters;
  readonly stopCriteria: StopCriteria;
  readonly trackTokens: boolean;

  /** Changed by the scheduler; `failed` by the executor. */
  status: RequestStatus = "queued";
  /** The request's row in the token table, while it is admitted; else -1. */
  slot = -1;
  /** The KV blocks it holds, in the order of its tokens; the first ones may be shared with other requests. */
  blocks: number[] = [];
  /** Tokens whose keys and values are in the cache, or will be after the steps in flight. */
  computedTokens = 0;
  /** Steps that were launched for it and not resolved yet. */
  stepsInFlight = 0;
  /** Tokens that those steps sample: they are on the device, and not known here yet. */
  tokensInFlight = 0;
  /** Tokens known when it was admitted: all of them must be in the cache before it decodes. */
  contextTokens = 0;
  /** How many of them were in the prefix cache then. */
  cachedTokens = 0;
  /** How many of its blocks, from the first on, the prefix cache knows. */
  registeredBlocks = 0;
  /** Times it was evicted. */
  evictions = 0;
  /** Generated and kept tokens, oldest first. */
  readonly tokenIds: number[] = [];
  /** The last of them, as far as the caller was not told of them yet. What is told is taken out: nothing is told twice. */
  untold: TokenMoment[] = [];
  /** What ended it, once a token did; it is finished when that token is told. */
  ending: Ending | null = null;
  /** Set when a cancel arrives; acted on where requests are finished, never in the middle of a step. */
  cancelRequested = false;

  constructor(specification: RequestSpecification) {
    this.id = specification.id;
    this.promptTokenIds = specification.promptTokenIds;
    this.maxTokens = specification.maxTokens;
    this.sampling = specification.sampling;
    this.stopCriteria = specification.stopCriteria;
    this.trackTokens = specification.trackTokens ?? false;
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

  /**
   * Tokens that are not in the cache yet, one in flight included: 1 while decoding, 1 or more while prefilling.
   */
  get remainingTokens(): number {
    return this.totalTokens + this.tokensInFlight - this.computedTokens;
  }

  /** Whether no further step is to run for it: it is cancelled, or its last token is known or in flight. */
  get needsNoStep(): boolean {
    return this.cancelRequested || this.ending !== null || this.tokenIds.length + this.tokensInFlight >= this.maxTokens;
  }

  /** Whether tokens that were known at its admission are still to be computed: the prompt, or more after an eviction. */
  get isPrefilling(): boolean {
    return this.computedTokens < this.contextTokens;
  }

  /**
   * A known token.
   *
   * @param position Its position in the sequence, below {@linkcode totalTokens}.
   * @returns The token id.
   */
  tokenAt(position: number): number {
    const { promptTokenIds, tokenIds } = this;
    return position < promptTokenIds.length ? promptTokenIds[position]! : tokenIds[position - promptTokenIds.length]!;
  }
}
