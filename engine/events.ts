/**
 * What happens to a request, as typed events: a union discriminated on `type`.
 *
 * The life of a request is `ADD_ENGINE`, then either `ADD_CONTEXT`, one `GENERATED_TOKEN` per token, `FINISH`; or one
 * `ERROR_TRANSIENT` / `ERROR_NONTRANSIENT` or more and `FAIL`. Exactly one terminal event, and nothing after it.
 *
 * @module
 */
import type { SerializedError } from "../errors.ts";

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
}

/** An error of a request, with whether trying again later may help. */
export interface RequestError extends SerializedError {
  /** The request. */
  readonly requestId: number;
  /** Whether the same request may succeed later. */
  readonly transient: boolean;
}

interface EventBase<Type extends string, Payload> {
  /** The request, unique within the engine. */
  readonly requestId: number;
  /** What happened. */
  readonly type: Type;
  /** When, in milliseconds on the engine's monotonic clock. */
  readonly timestamp: number;
  /** The facts that belong to it. */
  readonly payload: Payload;
}

/** Everything a request lives through. */
export type RequestEvent =
  /** The request arrived: stamped at the call of `generate()`, before tokenization. */
  | EventBase<"ADD_ENGINE", null>
  /** The whole remaining prompt is in the context; its forward pass starts. */
  | EventBase<"ADD_CONTEXT", null>
  /** A token was generated and kept. */
  | EventBase<"GENERATED_TOKEN", GeneratedToken>
  /** Something failed that may succeed later. */
  | EventBase<"ERROR_TRANSIENT", RequestError>
  /** Something failed for good. */
  | EventBase<"ERROR_NONTRANSIENT", RequestError>
  /** Terminal: the request is complete. */
  | EventBase<"FINISH", null>
  /** Terminal: the request failed; an error event stands before it. */
  | EventBase<"FAIL", null>;

/** The names of all events. */
export type RequestEventType = RequestEvent["type"];

/**
 * One event as a line for people.
 *
 * @param event The event.
 * @returns Such as `[12.345] GENERATED_TOKEN, token=42`.
 * @example
 * ```ts
 * formatEvent({ requestId: 1, type: "FINISH", timestamp: 12.3456, payload: null }); // "[12.346] FINISH"
 * ```
 */
export function formatEvent(event: RequestEvent): string {
  const head = `[${event.timestamp.toFixed(3)}] ${event.type}`;
  switch (event.type) {
    case "GENERATED_TOKEN":
      return `${head}, token=${event.payload.tokenId}`;
    case "ERROR_TRANSIENT":
    case "ERROR_NONTRANSIENT":
      return `${head}, ${event.payload.code}`;
    default:
      return head;
  }
}
