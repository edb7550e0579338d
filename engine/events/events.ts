/**
 * What happens to a request, as typed events: a union discriminated on `type`, and the rules of their payloads. The order
 * they may come in is in `event_log.ts`.
 *
 * @module
 */
import type { SerializedError } from "../../errors.ts";
import { type CANCEL_REASONS, checkPayload } from "./event_payloads.ts";
import { integerOf, invalidEvent, timeOf } from "./payload_checks.ts";

/** One of the likeliest tokens at a step, with its log-probability. */
export interface TokenLogprob {
  /** The token. */
  readonly tokenId: number;
  /** Natural logarithm of its probability under the model's raw logits. */
  readonly logprob: number;
}

/** What a `GENERATED_TOKEN` event carries. */
export interface GeneratedToken {
  /** The token's id. */
  readonly tokenId: number;
  /** The text that became certain with it; may be empty, or end an earlier token's text. */
  readonly text: string;
  /** Log-probability of the token, when asked for. */
  readonly logprob?: number;
  /** The likeliest tokens at this step, falling, when asked for. */
  readonly topLogprobs?: readonly TokenLogprob[];
  /** When it was handed to the caller's side, on the engine's clock. This and what follows: where tokens are recorded. */
  readonly emittedAt?: number;
  /** The step that generated it, counted from 1. */
  readonly step?: number;
  /** KV blocks of the pool. */
  readonly blocksTotal?: number;
  /** KV blocks that are not free: of requests, or kept for their content. */
  readonly blocksAllocated?: number;
  /** KV blocks that requests hold. */
  readonly blocksActive?: number;
  /** Tokens in the cache of the requests of the step. */
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

/**
 * Who ended a generation early: its caller, by `cancel()`, a signal or leaving a loop; a client that went away; a
 * timeout; or the engine's end.
 */
export type CancelReason = (typeof CANCEL_REASONS)[number];

/** What each type of event carries. */
export interface EventPayloads {
  /** The request arrived: stamped at the call of `generate()`, before tokenization. Once, whatever happens to it. */
  readonly ADD_ENGINE: null;
  /** All that is left of the sequence goes into the context in the next step. Again after every eviction. */
  readonly ADD_CONTEXT: null;
  /** A token was generated and kept. */
  readonly GENERATED_TOKEN: GeneratedToken;
  /** Running, but held back for want of KV blocks; its own stay. */
  readonly PAUSE: null;
  /** Its KV blocks were taken; it is queued again and will be recomputed. */
  readonly EVICT: null;
  /** Terminal: the request is complete, or was cancelled. */
  readonly FINISH: null;
  /** Terminal: the request failed; an error event stands before it. */
  readonly FAIL: null;
  /** Something failed that may succeed later. */
  readonly ERROR_TRANSIENT: RequestError;
  /** Something failed for good. */
  readonly ERROR_NONTRANSIENT: RequestError;
  /** Detail: a chunk of the sequence is in the next step; the first one ends the wait in the queue. */
  readonly PREFILL_CHUNK: PrefillChunk;
  /** Detail: runs again after a pause. */
  readonly RESUME: null;
  /** Detail: somebody asked for its end. */
  readonly CANCEL: { readonly reason: CancelReason };
}

/** The names of all events. */
export type RequestEventType = keyof EventPayloads;

/** The event of one type. */
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

/** Everything a request lives through. */
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

/** The types that are there only where details are asked for. */
export const DETAIL_EVENT_TYPES = ["PREFILL_CHUNK", "RESUME", "CANCEL"] as const satisfies readonly RequestEventType[];

/**
 * An event whose payload is what its type demands.
 *
 * @param requestId The request, 0 or more.
 * @param type What happened.
 * @param timestamp When, in milliseconds on the engine's clock.
 * @param payload The facts that belong to the type; it is not copied.
 * @returns The event.
 * @throws {UpbeatError} `EVENT_INVALID`, naming the field: a payload where the type has none; a token without an integer
 * `tokenId`; an error whose `transient` or `requestId` disagrees with the event; an unknown type or field.
 * @example
 * ```ts
 * createEvent(7, "GENERATED_TOKEN", 12.3, { tokenId: 42, text: " the" });
 * ```
 */
export function createEvent<Type extends RequestEventType>(
  requestId: number,
  type: Type,
  timestamp: number,
  payload: EventPayloads[Type],
): EventOf<Type> {
  integerOf("requestId", requestId);
  if (!isEventType(type)) throw invalidEvent("type", "must be one of the known event types", type);
  timeOf("timestamp", timestamp);
  checkPayload(type, requestId, payload);
  return { requestId, type, timestamp, payload };
}

/** Whether a value names a type of event. */
export function isEventType(value: unknown): value is RequestEventType {
  const known: readonly unknown[] = LIFECYCLE_EVENT_TYPES;
  return known.includes(value) || isDetailType(value);
}

/** Whether a value names a type that is there only where details are asked for. */
export function isDetailType(value: unknown): boolean {
  return (DETAIL_EVENT_TYPES as readonly unknown[]).includes(value);
}

/**
 * One event as a line for people.
 *
 * @param event The event.
 * @returns Such as `[12.345] GENERATED_TOKEN, token=42`, in milliseconds; `[-]` where there is no time.
 * @example
 * ```ts
 * formatEvent({ requestId: 1, type: "FINISH", timestamp: 12.3456, payload: null }); // "[12.346] FINISH"
 * ```
 */
export function formatEvent(event: StoredEvent): string {
  const head = `[${event.timestamp === null ? "-" : event.timestamp.toFixed(3)}] ${event.type}`;
  switch (event.type) {
    case "GENERATED_TOKEN":
      return `${head}, token=${event.payload.tokenId}`;
    case "ERROR_TRANSIENT":
    case "ERROR_NONTRANSIENT":
      return `${head}, ${event.payload.code}`;
    case "PREFILL_CHUNK": {
      const { tokens, computed, total, cached } = event.payload;
      return `${head}, tokens=${tokens}, computed=${computed}/${total}, cached=${cached}`;
    }
    case "CANCEL":
      return `${head}, ${event.payload.reason}`;
    default:
      return head;
  }
}
