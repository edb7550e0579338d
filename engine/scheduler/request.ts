/**
 * A request on the executor's thread: its parameters, progress and resources.
 *
 * @module
 */
import type { UpbeatError } from "../../errors.ts";
import type { SamplingParameters } from "../config/sampling_options.ts";
import type { StopCriteria } from "./stop_criteria.ts";

/** How a token ended a generation. */
export interface Ending {
  readonly reason: "stop" | "length";
  /** The stop string or end-of-sequence token that ended it, if any. */
  readonly stopReason: string | number | null;
}

/**
 * State of a request: `queued → running ⇄ paused → finished | failed`, and from running or paused back to queued when it is
 * preempted. Running and paused requests hold a batch slot and KV blocks; the others hold nothing.
 */
export type RequestStatus = "queued" | "running" | "paused" | "finished" | "failed";

/** Validated parameters of a request. */
export interface RequestSpecification {
  readonly id: number;
  readonly promptTokenIds: Int32Array;
  /** Most generated tokens, at least 1; with the prompt they fit the engine's context. */
  readonly maxTokens: number;
  readonly sampling: SamplingParameters;
  readonly stopCriteria: StopCriteria;
  /** Whether its tokens carry the state of the KV cache; default false. */
  readonly trackTokens?: boolean;
}

/** State of one request. Only the scheduler and the executor change it. */
export class Request {
  readonly id: number;
  readonly promptTokenIds: Int32Array;
  readonly maxTokens: number;
  readonly sampling: SamplingParameters;
  readonly stopCriteria: StopCriteria;
  readonly trackTokens: boolean;

  /** Changed by the scheduler; `failed` by the executor. */
  status: RequestStatus = "queued";
  /** Its place in the batch, and its row in the token table, while it is admitted; else -1. */
  batchSlot = -1;
  /** KV blocks it holds, in order of its tokens; the first ones may be shared with other requests. */
  blocks: number[] = [];
  /** Tokens whose keys and values are in the cache, counting the steps in flight. */
  computedTokens = 0;
  /** Steps launched for it whose tokens have not been read. */
  stepsInFlight = 0;
  /** Tokens sampled by those steps: they are on the device, and unknown to the host. */
  tokensInFlight = 0;
  /** Tokens known at its admission: all must be in the cache before it decodes. */
  contextTokens = 0;
  /** Number of those that were found in the prefix cache. */
  cachedTokens = 0;
  /** Number of its blocks registered in the prefix cache. */
  registeredBlocks = 0;
  /** Times it was preempted. */
  evictions = 0;
  /** Generated tokens, oldest first. */
  readonly tokenIds: number[] = [];
  /** How a token ended it, once one did; it is finished when the step of that token is processed. */
  ending: Ending | null = null;
  /** Set when a step shows that it cannot go on; it fails when that step is processed. */
  failure: UpbeatError | null = null;
  /** Set when a cancel arrives; takes effect where requests are finished, never in the middle of a step. */
  cancelRequested = false;

  constructor(specification: RequestSpecification) {
    this.id = specification.id;
    this.promptTokenIds = specification.promptTokenIds;
    this.maxTokens = specification.maxTokens;
    this.sampling = specification.sampling;
    this.stopCriteria = specification.stopCriteria;
    this.trackTokens = specification.trackTokens ?? false;
  }

  /** Number of prompt tokens. */
  get promptLength(): number {
    return this.promptTokenIds.length;
  }

  /** Number of known tokens, prompt and output. */
  get totalTokens(): number {
    return this.promptTokenIds.length + this.tokenIds.length;
  }

  /** Largest possible length of the sequence. */
  get maxTotalTokens(): number {
    return this.promptTokenIds.length + this.maxTokens;
  }

  /** Tokens still to be computed, counting one in flight: 1 while decoding, 1 or more while prefilling. */
  get remainingTokens(): number {
    return this.totalTokens + this.tokensInFlight - this.computedTokens;
  }

  /** Whether it needs no further step: it is cancelled or has failed, or its last token is known or in flight. */
  get needsNoStep(): boolean {
    if (this.cancelRequested || this.failure !== null || this.ending !== null) return true;
    return this.tokenIds.length + this.tokensInFlight >= this.maxTokens;
  }

  /** Whether tokens known at its admission are still to be computed: the prompt, or more after a preemption. */
  get isPrefilling(): boolean {
    return this.computedTokens < this.contextTokens;
  }

  /**
   * Returns a known token.
   *
   * @param position Its position in the sequence, below {@linkcode totalTokens}.
   * @returns The token id.
   */
  tokenAt(position: number): number {
    const { promptTokenIds, tokenIds } = this;
    return position < promptTokenIds.length ? promptTokenIds[position]! : tokenIds[position - promptTokenIds.length]!;
  }
}
