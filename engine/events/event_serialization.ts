/**
 * Events, requests and records as plain values, for files and other processes, and back without loss.
 *
 * In full form a token is an object like every event. In compact form it is its bare id: smaller and faster where times
 * and text are not needed. Everything else is the same in both.
 *
 * @module
 */
import { checkEvent } from "./event_schema.ts";
import type { RequestEvent, RequestEventType, StoredEvent } from "./event_types.ts";
import { fromPlain, type PlainValue, toPlain } from "./plain_value.ts";
import { type MergedRequest, RequestRecord, type RequestSegment } from "./request_record.ts";
import { anything, check, count, type Fields, invalid, objectOf, type Schema } from "./schema.ts";
import { checkSegment } from "./segment_schema.ts";
import type { TokenTable } from "../text/tokenizer/token_table.ts";

/** The version of the format, part of every serialized value. */
export const SERIALIZATION_VERSION = 1;

/** How tokens are written: as events with times, or as bare ids. */
export type EventMode = "full" | "compact";

/** How requests and records are written. */
export interface SerializeOptions {
  /** Default `"full"`. */
  readonly mode?: EventMode;
  /** Whether prompt tokens are written, and not only their number. Default false. */
  readonly returnPromptTokens?: boolean;
}

/** A serialized event within a request: a bare token id in compact form. */
export type SerializedEvent = number | {
  readonly requestId: number;
  readonly type: RequestEventType;
  readonly timestamp: number | null;
  readonly payload: PlainValue;
};

/** A serialized segment or merged request. */
export interface SerializedRequest {
  readonly version: number;
  readonly requestId: number;
  readonly promptLength: number;
  readonly tokenIds: readonly number[];
  readonly ttftMs: number | null;
  readonly events: readonly SerializedEvent[];
  readonly [field: string]: PlainValue;
}

/** A serialized record. */
export interface SerializedRecord {
  readonly version: number;
  readonly segments: readonly SerializedRequest[];
  readonly [field: string]: PlainValue;
}

/** What a compact token does not contain. */
export interface EventContext {
  /** The request it belongs to. */
  readonly requestId: number;
}

/**
 * Serialize an event.
 *
 * @param event The event; nothing of it is shared with the result.
 * @param mode In compact form a token is its bare id.
 * @returns A value for `JSON.stringify`, `postMessage` or MessagePack.
 * @throws {UpbeatError} `RECORD_INVALID` where the payload is no plain value.
 */
export function serializeEvent(
  event: StoredEvent,
  mode: EventMode = "full",
): number | Extract<SerializedEvent, object> & { readonly version: number } {
  const serialized = writeEvent(event, mode);
  return typeof serialized === "number" ? serialized : { version: SERIALIZATION_VERSION, ...serialized };
}

/**
 * Read an event from {@linkcode serializeEvent}.
 *
 * @param serialized The plain value; it is not changed.
 * @param context The event's request; only needed for a compact token.
 * @returns The event. A compact token has no time and no text.
 * @throws {UpbeatError} `EVENT_INVALID` or `RECORD_INVALID`, naming the field.
 */
export function deserializeEvent(serialized: unknown, context: EventContext | null = null): StoredEvent {
  if (typeof serialized === "number") {
    if (context === null) {
      throw invalid("requestId", "must be given to read a compact token", undefined, "EVENT_INVALID");
    }
    return readEvent(serialized, context.requestId);
  }
  const { version, ...event } = fieldsOf("event", serialized);
  checkVersion("event.version", version);
  return readEvent(event, null);
}

/**
 * Serialize a segment or a merged request.
 *
 * @param request The request; it is not changed, and nothing of it is shared with the result.
 * @param options How tokens are written.
 * @returns A value for `JSON.stringify`, `postMessage` or MessagePack.
 */
export function serializeRequest(
  request: RequestSegment<StoredEvent> | MergedRequest<StoredEvent>,
  options: SerializeOptions = {},
): SerializedRequest {
  const { mode = "full", returnPromptTokens = false } = options;
  const { promptTokenIds, events, ...rest } = request;
  const fields = toPlain(returnPromptTokens ? { ...rest, promptTokenIds } : rest, "request");
  return {
    ...(fields as unknown as SerializedRequest),
    version: SERIALIZATION_VERSION,
    events: events.map((event) => writeEvent(event, mode)),
  };
}

/**
 * Read a request from {@linkcode serializeRequest}.
 *
 * @param serialized The plain value; it is not changed.
 * @returns The request; `promptTokenIds` is null and `text` absent where they were not written.
 * @throws {UpbeatError} `EVENT_INVALID` or `RECORD_INVALID`, naming the field.
 */
export function deserializeRequest(
  serialized: unknown,
): RequestSegment<StoredEvent> & { readonly text?: string | null } {
  return readRequest(serialized, "request");
}

/**
 * Serialize a record with all of its segments.
 *
 * @param record The record; it is not changed, and nothing of it is shared with the result.
 * @param options How tokens are written.
 * @returns A value for `JSON.stringify`, `postMessage` or MessagePack.
 */
export function serializeRecord(record: RequestRecord<StoredEvent>, options: SerializeOptions = {}): SerializedRecord {
  const segments = record.segments.map((segment) => serializeRequest(segment, options));
  return { version: SERIALIZATION_VERSION, segments };
}

/**
 * Read a record from {@linkcode serializeRecord}.
 *
 * @param serialized The plain value; it is not changed.
 * @param tokenTable Decodes tokens when segments are merged; the text is null without it or without the prompt's
 * tokens.
 * @returns The record.
 * @throws {UpbeatError} `EVENT_INVALID` or `RECORD_INVALID`, naming the field.
 */
export function deserializeRecord(
  serialized: unknown,
  tokenTable: TokenTable | null = null,
): RequestRecord<StoredEvent> {
  const { version, segments, ...rest } = fieldsOf("record", serialized);
  checkVersion("record.version", version);
  check(rest, NOTHING_MORE, "record", "RECORD_INVALID");
  if (!Array.isArray(segments)) throw invalid("record.segments", "must be an array", segments, "RECORD_INVALID");
  return new RequestRecord(
    segments.map((segment, index) => readRequest(segment, `record.segments[${index}]`)),
    tokenTable,
  );
}

// ---- Events --------------------------------------------------------------------------------------------------------

function writeEvent(event: StoredEvent, mode: EventMode): SerializedEvent {
  const { requestId, type, timestamp, payload } = event;
  // A token from compact form has nothing but its id.
  if (type === "GENERATED_TOKEN" && (mode === "compact" || timestamp === null)) return payload.tokenId;
  return { requestId, type, timestamp, payload: toPlain(payload, "payload") };
}

/** Its fields are checked one by one. */
const EVENT = objectOf(
  { requestId: anything, type: anything, timestamp: anything, payload: anything } satisfies Record<
    keyof RequestEvent,
    Schema
  >,
);

const NOTHING_MORE = objectOf({});

/** @param requestId The request it must belong to; null: any. */
function readEvent(serialized: unknown, requestId: number | null): StoredEvent {
  if (typeof serialized === "number") {
    check(serialized, count, "tokenId", "EVENT_INVALID");
    check(requestId, count, "requestId", "EVENT_INVALID");
    return { requestId: requestId!, type: "GENERATED_TOKEN", timestamp: null, payload: { tokenId: serialized } };
  }
  const fields = fieldsOf("event", serialized);
  check(fields, EVENT, "", "EVENT_INVALID");
  const { requestId: id, type, timestamp } = fields;
  const event = checkEvent({ requestId: id, type, timestamp, payload: fromPlain(fields["payload"], "payload") });
  if (requestId === null || event.requestId === requestId) return event;
  throw invalid("requestId", `must be the request's own, ${requestId}`, event.requestId, "EVENT_INVALID");
}

// ---- Requests ------------------------------------------------------------------------------------------------------

function readRequest(
  serialized: unknown,
  name: string,
): RequestSegment<StoredEvent> & { readonly text?: string | null } {
  const { version, events, ...rest } = fieldsOf(name, serialized);
  checkVersion(`${name}.version`, version);
  const segment = checkSegment(fromPlain(rest, name) as Fields, name);
  if (!Array.isArray(events)) throw invalid(`${name}.events`, "must be an array", events, "RECORD_INVALID");
  return { ...segment, events: events.map((event) => readEvent(event, segment.requestId)) };
}

function checkVersion(field: string, version: unknown): void {
  if (version === SERIALIZATION_VERSION) return;
  throw invalid(field, `must be ${SERIALIZATION_VERSION}`, version, "RECORD_INVALID");
}

function fieldsOf(name: string, value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(name, "must be an object", value, "RECORD_INVALID");
}
