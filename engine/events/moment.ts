/**
 * What happens to a request, as the executor reports it.
 *
 * @module
 */
import type { RequestError, TokenLogprob } from "./events.ts";
import type { FinishReason } from "./finish_reason.ts";

/** How the KV cache stood when a step was launched; computed once for all of the step's tokens. */
export interface StepUsage {
  /** The step's number, counted from 1. */
  readonly step: number;
  /** KV blocks of the pool. */
  readonly blocksTotal: number;
  /** KV blocks that are not free: of requests, or kept for their content. */
  readonly blocksAllocated: number;
  /** KV blocks that requests hold. */
  readonly blocksActive: number;
  /** Tokens in the cache of the requests of this step. */
  readonly activeTokens: number;
}

/**
 * One thing that happened to a request, as the executor tells it. `time` is on the engine's clock.
 *
 * What the caller sees of it is decided on the other side: these become events, record entries and metrics there.
 */
export type Moment =
  /** Admission was refused for a cause that may go away; sent once per cause. */
  | { readonly type: "refused"; readonly time: number; readonly error: RequestError }
  /** A chunk of the sequence is in the next step; the first one ends the wait in the queue. */
  | {
    readonly type: "chunk";
    readonly time: number;
    /** Tokens in this chunk. */
    readonly tokens: number;
    /** Tokens in the cache once it is computed. */
    readonly computed: number;
    /** Tokens to compute before the next token can be sampled, cached ones included. */
    readonly total: number;
    /** Tokens that were found in the prefix cache when the request was admitted. */
    readonly cached: number;
  }
  /** The last chunk is in the next step. */
  | { readonly type: "context"; readonly time: number }
  /** A kept token; `time` is when its value was known to the host, the same for all rows of a step. */
  | {
    readonly type: "token";
    readonly time: number;
    readonly tokenId: number;
    readonly logprob?: number;
    readonly topLogprobs?: readonly TokenLogprob[];
    /** Only where the request records its tokens. */
    readonly usage?: StepUsage;
  }
  /** Held back for want of KV blocks; its own stay. */
  | { readonly type: "pause"; readonly time: number }
  /** Runs again after a pause. */
  | { readonly type: "resume"; readonly time: number }
  /** Its KV blocks were taken; it is queued again and will be recomputed. */
  | { readonly type: "evict"; readonly time: number }
  /** Terminal. */
  | {
    readonly type: "finish";
    readonly time: number;
    readonly reason: FinishReason;
    readonly stopReason: string | number | null;
    /** Steps that computed a token which nobody sees. */
    readonly wastedSteps: number;
  }
  /** Terminal. */
  | { readonly type: "failure"; readonly time: number; readonly error: RequestError };

/** A token's moment. */
export type TokenMoment = Extract<Moment, { type: "token" }>;

/** What became of a request since the last update. */
export interface RequestUpdate {
  readonly id: number;
  /** Oldest first. */
  readonly moments: Moment[];
}
