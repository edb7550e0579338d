/**
 * What the executor emits. Its events are those that callers see, with two exceptions: the event of a token is created
 * where it is read, and the reason of a `FINISH` is not part of the event.
 *
 * @module
 */
import type { EventOf, StepLogprobs } from "./event_types.ts";
import type { FinishReason } from "./finish_reason.ts";

/**
 * The types that are emitted as events. `ERROR_NONTRANSIENT` is the last event of a request that fails with the
 * executor; its `FAIL` is added on the caller's side, as for every failure.
 */
export type ExecutorEventType =
  | "ERROR_TRANSIENT"
  | "PREFILL_CHUNK"
  | "ADD_CONTEXT"
  | "PAUSE"
  | "RESUME"
  | "EVICT"
  | "ERROR_NONTRANSIENT";

/** An event of the executor. */
export type ExecutorEvent = { [Type in ExecutorEventType]: EventOf<Type> }[ExecutorEventType];

/** How the KV cache stood when a step was launched, computed once for all of the step's tokens. */
export interface StepUsage {
  /** The step's number, counted from 1. */
  readonly step: number;
  /** KV blocks of the pool. */
  readonly blocksTotal: number;
  /** KV blocks that are not free: in use by requests, or kept for their content. */
  readonly blocksAllocated: number;
  /** KV blocks in use by requests. */
  readonly blocksActive: number;
  /** Cached tokens of the step's requests. */
  readonly activeTokens: number;
}

/** A generated token. */
export interface EmittedToken {
  readonly tokenId: number;
  /** When its value was known to the host, in milliseconds; the same for all rows of a step. */
  readonly time: number;
  /** null unless requested. */
  readonly logprobs: StepLogprobs | null;
  /** null unless the request records its tokens. */
  readonly usage: StepUsage | null;
}

/** How a request finished. */
export interface Completion {
  readonly reason: FinishReason;
  /** The stop string or end-of-sequence token that ended it; null where none did. */
  readonly stopReason: string | number | null;
  /** Steps that computed a token which was dropped. */
  readonly wastedSteps: number;
}
