/**
 * The schema of events, for those that are created and those that are read from storage.
 *
 * @module
 */
import { ERROR_CODES } from "../../errors.ts";
import {
  CANCEL_REASONS,
  type EventPayloads,
  isEventType,
  type PrefillChunk,
  type RequestError,
  type RequestEvent,
  type RequestEventType,
  type TokenLogprob,
} from "./event_types.ts";
import {
  check,
  count,
  flag,
  invalid,
  listOf,
  mapOf,
  matching,
  number,
  objectOf,
  oneOf,
  type Schema,
  text,
  time,
} from "./schema.ts";

/** -Infinity is the log-probability of an impossible token, NaN that of a model that computes NaNs. */
export const logprob = number;

/** One of the likeliest tokens. */
export const candidate = objectOf({ tokenId: count, logprob } satisfies Record<keyof TokenLogprob, Schema>);

const errorCode = oneOf(ERROR_CODES);

const details = mapOf(
  matching(
    (value) => value === null || ["string", "number", "boolean"].includes(typeof value),
    "must be a string, a number, a boolean or null",
  ),
);

const cause: Schema = objectOf(
  { name: text, message: text },
  { code: errorCode, details, cause: (value) => cause(value) },
);

const error = objectOf(
  { code: errorCode, message: text, details, requestId: count, transient: flag } satisfies Record<
    Exclude<keyof RequestError, "cause">,
    Schema
  >,
  { cause },
);

/** A flag that disagrees with the event's type would mislead a caller. */
const errorThatIs = (transient: boolean): Schema => (value) => {
  const violation = error(value);
  if (violation !== null || (value as RequestError).transient === transient) return violation;
  return { place: ".transient", rule: `must be ${transient}, as the event's type says`, value: !transient };
};

const nothing = (type: RequestEventType): Schema => matching((value) => value === null, `of ${type} must be null`);

const PAYLOADS: Readonly<Record<RequestEventType, Schema>> = {
  ADD_ENGINE: nothing("ADD_ENGINE"),
  ADD_CONTEXT: nothing("ADD_CONTEXT"),
  GENERATED_TOKEN: objectOf({ tokenId: count, text }, {
    logprob,
    topLogprobs: listOf(candidate),
    emittedAt: time,
    step: count,
    blocksTotal: count,
    blocksAllocated: count,
    blocksActive: count,
    activeTokens: count,
  }),
  PAUSE: nothing("PAUSE"),
  EVICT: nothing("EVICT"),
  FINISH: nothing("FINISH"),
  FAIL: nothing("FAIL"),
  ERROR_TRANSIENT: errorThatIs(true),
  ERROR_NONTRANSIENT: errorThatIs(false),
  PREFILL_CHUNK: objectOf(
    { tokens: count, computed: count, total: count, cached: count } satisfies Record<keyof PrefillChunk, Schema>,
  ),
  RESUME: nothing("RESUME"),
  CANCEL: objectOf({ reason: oneOf(CANCEL_REASONS) } satisfies Record<keyof EventPayloads["CANCEL"], Schema>),
};

/**
 * Check the fields of an event.
 *
 * @param event A value with the fields of an event.
 * @returns The same value.
 * @throws {UpbeatError} `EVENT_INVALID`, naming the field.
 */
export function checkEvent(event: Readonly<Record<keyof RequestEvent, unknown>>): RequestEvent {
  const { requestId, type, timestamp, payload } = event;
  check(requestId, count, "requestId", "EVENT_INVALID");
  if (!isEventType(type)) throw invalid("type", "must be one of the known event types", type, "EVENT_INVALID");
  check(timestamp, time, "timestamp", "EVENT_INVALID");
  check(payload, PAYLOADS[type], "payload", "EVENT_INVALID");
  if (type === "ERROR_TRANSIENT" || type === "ERROR_NONTRANSIENT") {
    const { requestId: own } = payload as RequestError;
    if (own !== requestId) {
      throw invalid("payload.requestId", `must be the event's own, ${requestId}`, own, "EVENT_INVALID");
    }
  }
  return event as RequestEvent;
}
