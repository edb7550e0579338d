/**
 * What happens to a request, as typed events: a union discriminated on `type`. `event_schema.ts` has the rules of the
 * payloads, `event_order.ts` the order.
 *
 * @module
 */
import type { SerializedError } from "../../errors.ts";

/** One of the likeliest tokens at a step, with its log-probability. */
export interface TokenLogprob {
  /** The token. */
  readonly tokenId: number;
  /** Natural logarithm of its probability under the model's raw logits. */
  readonly logprob: number;
}

/** Log-probabilities at one step. */
export interface StepLogprobs {
  /** The token that was chosen. */
  readonly tokenId: number;
  /** Its log-probability under the model's raw logits. */
  readonly logprob: number;
  /** The likeliest tokens, most likely first. */
  readonly top: readonly TokenLogprob[];
}

/** The payload of a `GENERATED_TOKEN` event. */
export interface GeneratedToken {
  /** The token's id. */
  readonly tokenId: number;
  /** The text that became certain with it; may be empty, or end an earlier token's text. */
  readonly text: string;
  /** Log-probability of the token, where requested. */
  readonly logprob?: number;
  /** The likeliest tokens at this step, most likely first, where requested. */
  readonly topLogprobs?: readonly TokenLogprob[];
  /**
   * When the executor sent it to the caller's side, on the engine's clock. This and the rest: where tokens are
   * recorded.
   */
  readonly emittedAt?: number;
  /** The step that generated it, counted from 1. */
  readonly step?: number;
  /** KV blocks of the pool. */
  readonly blocksTotal?: number;
  /** KV blocks that are not free: in use by requests, or kept for their content. */
  readonly blocksAllocated?: number;
  /** KV blocks in use by requests. */
  readonly blocksActive?: number;
  /** Cached tokens of the step's requests. */
  readonly activeTokens?: number;
}

/** An error of a request, with whether trying again later may help. */
export interface RequestError extends SerializedError {
  /** The request. */
  readonly requestId: number;
  /** Whether the same request may succeed later. */
  readonly transient: boolean;
}

/** One chunk of a sequence on its way into the context. */
export interface PrefillChunk {
  /** Tokens in this chunk. */
  readonly tokens: number;
  /** Tokens in the KV cache once it is computed. */
  readonly computed: number;
  /** Tokens to compute before the next token can be sampled, cached ones included. */
  readonly total: number;
  /** Tokens that were found in the prefix cache. */
  readonly cached: number;
}

/** The values of {@linkcode CancelReason}. */
export const CANCEL_REASONS = ["user", "disconnect", "deadline", "shutdown"] as const;

/**
 * What canceled a generation: its caller, by `cancel()`, a signal or leaving a loop; a client that disconnected; a
 * timeout; or the engine's shutdown.
 */
export type CancelReason = (typeof CANCEL_REASONS)[number];

/** The payload of each type of event. */
export interface EventPayloads {
  /** The request arrived: stamped at the call of `generate()`, before tokenization. Once per request. */
  readonly ADD_ENGINE: null;
  /** The rest of the prompt goes into the context in the next step. Again after every eviction. */
  readonly ADD_CONTEXT: null;
  /** A token was generated and kept. */
  readonly GENERATED_TOKEN: GeneratedToken;
  /** Running, but skipped while no KV block is free; it keeps its own. */
  readonly PAUSE: null;
  /** Preempted: its KV blocks were taken; it is queued again and will be recomputed. */
  readonly EVICT: null;
  /** Terminal: the request is complete, or was cancelled. */
  readonly FINISH: null;
  /** Terminal: the request failed; an error event stands before it. */
  readonly FAIL: null;
  /** Something failed that may succeed later. */
  readonly ERROR_TRANSIENT: RequestError;
  /** Something failed for good. */
  readonly ERROR_NONTRANSIENT: RequestError;
  /** Detail: a chunk of the prompt is in the next step; the first one ends the wait in the queue. */
  readonly PREFILL_CHUNK: PrefillChunk;
  /** Detail: it runs again after a pause. */
  readonly RESUME: null;
  /** Detail: its cancellation was requested. */
  readonly CANCEL: { readonly reason: CancelReason };
}

/** All event types. */
export type RequestEventType = keyof EventPayloads;

/** An event of one type. */
export interface EventOf<Type extends RequestEventType> {
  /** The request, unique within the engine. */
  readonly requestId: number;
  /** What happened. */
  readonly type: Type;
  /** When, in milliseconds on the engine's monotonic clock. */
  readonly timestamp: number;
  /** The facts that belong to it. */
  readonly payload: EventPayloads[Type];
}

/** Anything that happens to a request. */
export type RequestEvent = { [Type in RequestEventType]: EventOf<Type> }[RequestEventType];

/** A token read back from compact form, which has neither time nor text. */
export interface CompactTokenEvent {
  readonly requestId: number;
  readonly type: "GENERATED_TOKEN";
  readonly timestamp: null;
  readonly payload: { readonly tokenId: number };
}

/** An event as it may come back from storage. */
export type StoredEvent = RequestEvent | CompactTokenEvent;

/** The nine types that make up every request's life. */
export const LIFECYCLE_EVENT_TYPES = [
  "ADD_ENGINE",
  "ADD_CONTEXT",
  "GENERATED_TOKEN",
  "PAUSE",
  "EVICT",
  "FINISH",
  "FAIL",
  "ERROR_TRANSIENT",
  "ERROR_NONTRANSIENT",
] as const satisfies readonly RequestEventType[];

/** The types that exist only with `trackDetailEvents`. */
export const DETAIL_EVENT_TYPES = ["PREFILL_CHUNK", "RESUME", "CANCEL"] as const satisfies readonly RequestEventType[];

/** Whether a value is an event type. */
export function isEventType(value: unknown): value is RequestEventType {
  const known: readonly unknown[] = LIFECYCLE_EVENT_TYPES;
  return known.includes(value) || isDetailType(value);
}

/** Whether a value is one of {@linkcode DETAIL_EVENT_TYPES}. */
export function isDetailType(value: unknown): boolean {
  return (DETAIL_EVENT_TYPES as readonly unknown[]).includes(value);
}
