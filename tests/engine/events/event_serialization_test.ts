import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { deserializeError, ERROR_CODES, serializeError, UpbeatError } from "../../../errors.ts";
import {
  deserializeEvent,
  deserializeRecord,
  deserializeRequest,
  type EventMode,
  serializeEvent,
  serializeRecord,
  serializeRequest,
} from "../../../engine/events/event_serialization.ts";
import { createEvent } from "../../../engine/events/events.ts";
import {
  DETAIL_EVENT_TYPES,
  LIFECYCLE_EVENT_TYPES,
  type RequestEvent,
  type StoredEvent,
} from "../../../engine/events/event_types.ts";
import { fromPlain, toPlain } from "../../../engine/events/plain_value.ts";
import { newSegment, RequestRecord, type RequestSegment } from "../../../engine/events/request_record.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";
import { eventsOf, lives, payloadOf, requestError, segmentRequest } from "../../support/events.ts";
import { byteLevelJson, tokenizerOf } from "../../support/tokenizers/small_tokenizers.ts";

const MODES: readonly EventMode[] = ["full", "compact"];

/** Through JSON, as a file or another process gets it. */
function wire(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function isToken(event: StoredEvent): boolean {
  return event.type === "GENERATED_TOKEN";
}

/** What an event is once it was written in compact form. */
function compacted(event: StoredEvent): StoredEvent {
  if (event.type !== "GENERATED_TOKEN") return event;
  return { ...event, timestamp: null, payload: { tokenId: event.payload.tokenId } };
}

/** Events of a whole life whose payloads hold anything that is allowed. */
const events: fc.Arbitrary<RequestEvent[]> = lives.chain(({ types }) =>
  fc.tuple(...types.map((type) => payloadOf(type, 7))).map((payloads) =>
    types.map((type, index) => createEvent(7, type, 100 + index / 3, payloads[index] as never) as RequestEvent)
  )
);

function segmentWith(segmentEvents: readonly RequestEvent[], changes: Partial<RequestSegment> = {}): RequestSegment {
  const tokenIds = segmentEvents.flatMap((event) => (event.type === "GENERATED_TOKEN" ? [event.payload.tokenId] : []));
  return { ...newSegment(segmentRequest()), events: segmentEvents, tokenIds, ...changes };
}

/** Two segments with every type of event, an Int32Array, and numbers that JSON has no form for. */
function fullRecord(): RequestRecord {
  const logprobs = [{ tokenId: 40, logprob: -0, top: [{ tokenId: 41, logprob: -Infinity }] }];
  const first = eventsOf([...LIFECYCLE_EVENT_TYPES, ...DETAIL_EVENT_TYPES]);
  return new RequestRecord([
    segmentWith(first, { promptTokenIds: Int32Array.of(1, 2, 3), logprobs, ttftMs: 2, status: "evicted" }),
    segmentWith(eventsOf(["EVICT", "ADD_CONTEXT", "GENERATED_TOKEN", "FINISH"], 200), {
      promptTokenIds: [1, 2, 3, 2 ** 40],
      promptLength: 4,
      generatedBefore: 1,
      status: "finished",
      finishReason: "stop",
      stopReason: "\ud83d",
    }),
  ]);
}

test("deserializeEvent() restores every type with its payload", () => {
  for (const event of eventsOf([...LIFECYCLE_EVENT_TYPES, ...DETAIL_EVENT_TYPES], 0.001)) {
    const serialized = serializeEvent(event);
    assertEquals(deserializeEvent(wire(serialized)), event);
    assertEquals(deserializeEvent(structuredClone(serialized)), event);
  }
});

test("serializeEvent() writes a token as its bare id in compact form, and everything else as in full form", () => {
  for (const event of eventsOf([...LIFECYCLE_EVENT_TYPES, ...DETAIL_EVENT_TYPES])) {
    const serialized = serializeEvent(event, "compact");
    if (isToken(event)) assertEquals(serialized, 40);
    else assertEquals(serialized, serializeEvent(event));
    assertEquals(deserializeEvent(wire(serialized), { requestId: 7 }), compacted(event));
  }
  assertUpbeatError(() => deserializeEvent(40), "EVENT_INVALID", "requestId must be given");
});

test("deserializeRecord() restores order, count, times, payloads and fields", () => {
  const record = fullRecord();
  const back = deserializeRecord(wire(serializeRecord(record, { returnPromptTokens: true })));
  assertEquals(back.segments, record.segments);
  assertInstanceOf(back.segments[0]!.promptTokenIds, Int32Array);
  assert(Array.isArray(back.segments[1]!.promptTokenIds));
  assert(Object.is(back.segments[0]!.logprobs![0]!.logprob, -0));
  assertEquals(back.merge(), record.merge());
});

test("deserializeRecord() restores everything but the times and texts of tokens from compact form", () => {
  const record = fullRecord();
  const full = deserializeRecord(wire(serializeRecord(record)));
  const serialized = serializeRecord(record, { mode: "compact" });
  const compact = deserializeRecord(wire(serialized));
  assertEquals(serialized.segments[1]!.events.slice(2), [40, serializeRecord(record).segments[1]!.events[3]!]);
  for (const [index, segment] of compact.segments.entries()) {
    assertEquals(segment, { ...full.segments[index]!, events: full.segments[index]!.events.map(compacted) });
  }
  assertEquals([compact.ttftMs, compact.merge().tokenIds], [full.ttftMs, full.merge().tokenIds]);
  // Written again it stays compact: there is no time to write.
  assertEquals(serializeRecord(compact), serializeRecord(compact, { mode: "compact" }));
});

test("deserializeRequest() restores a merged request with its text", () => {
  const tokenizer = tokenizerOf(byteLevelJson());
  const tokenIds = tokenizer.encode(" été 👩‍💻 upon");
  const record = new RequestRecord([{ ...newSegment(segmentRequest()), tokenIds }], tokenizer.tokenTable);
  const merged = record.merge();
  assertEquals(merged.text, " été 👩‍💻 upon");
  for (const mode of MODES) {
    assertEquals(deserializeRequest(wire(serializeRequest(merged, { mode, returnPromptTokens: true }))), merged);
  }
  const options = { returnPromptTokens: true };
  assertEquals(deserializeRecord(wire(serializeRecord(record, options)), tokenizer.tokenTable).merge(), merged);
});

test("serializeRecord() writes prompt tokens only when requested, and always their number", () => {
  const record = fullRecord();
  for (const mode of MODES) {
    const without = serializeRecord(record, { mode }).segments[0]!;
    assert(!("promptTokenIds" in without));
    assertEquals(without.promptLength, 3);
    assertEquals(deserializeRequest(without).promptTokenIds, null);
    const [complete] = serializeRecord(record, { mode, returnPromptTokens: true }).segments;
    assertEquals(complete!["promptTokenIds"], { $array: { dtype: "I32", shape: [3], data: [1, 2, 3] } });
  }
});

test("serializeRecord() changes nothing of the record and shares nothing with it", () => {
  const record = fullRecord();
  const before = structuredClone(record.segments);
  for (const mode of MODES) {
    const serialized = serializeRecord(record, { mode, returnPromptTokens: true });
    const copy = structuredClone(serialized);
    const back = deserializeRecord(serialized);
    scramble(serialized);
    assertEquals(structuredClone(record.segments), before);
    assertEquals(back.segments, deserializeRecord(copy).segments);
  }
});

/** Change every leaf of a value. */
function scramble(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const [name, field] of Object.entries(value)) {
    scramble(field);
    if (typeof field !== "object") (value as Record<string, unknown>)[name] = 99;
  }
}

test("deserializeEvent() restores errors of every code with class, message, details, request and transience", () => {
  for (const code of ERROR_CODES) {
    for (const transient of [true, false]) {
      const error = new UpbeatError(code, `about ${code}`, { field: "f", value: 0.1, nothing: null });
      const payload = { ...serializeError(error), requestId: 7, transient };
      const event = createEvent(7, transient ? "ERROR_TRANSIENT" : "ERROR_NONTRANSIENT", 1, payload) as RequestEvent;
      const back = deserializeEvent(wire(serializeEvent(event)));
      assertEquals(back, event);
      const read = deserializeError(back.payload as typeof payload);
      assertInstanceOf(read, UpbeatError);
      assertEquals([read.code, read.message, read.details], [error.code, error.message, error.details]);
    }
  }
});

test("deserializeError() restores causes with their classes", () => {
  for (const Class of [Error, TypeError, RangeError, SyntaxError, ReferenceError, URIError, EvalError]) {
    const deepest = new UpbeatError("DEVICE_FAULT", "deepest", { device: "cpu" });
    const error = new UpbeatError("INTERNAL", "outer", {}, { cause: new Class("inner", { cause: deepest }) });
    const back = deserializeError(wire(serializeError(error)) as ReturnType<typeof serializeError>);
    const cause = back.cause as Error;
    assertEquals(Object.getPrototypeOf(cause), Class.prototype);
    assertEquals([cause.name, cause.message], [Class.name, "inner"]);
    assertInstanceOf(cause.cause, UpbeatError);
    assertEquals([cause.cause.code, cause.cause.details], ["DEVICE_FAULT", { device: "cpu" }]);
  }
  const details = JSON.parse('{ "__proto__": 1 }');
  const payload = requestError(true, { details });
  const odd = createEvent(7, "ERROR_TRANSIENT", 0, payload) as RequestEvent;
  assertEquals(JSON.stringify(deserializeEvent(wire(serializeEvent(odd)))), JSON.stringify(odd));
  const own = Object.assign(new Error("abort"), { name: "AbortError" });
  const named = deserializeError(serializeError(new UpbeatError("INTERNAL", "m", {}, { cause: own }))).cause as Error;
  assertEquals([named.name, named.message], ["AbortError", "abort"]);
  const circle = new UpbeatError("INTERNAL", "circle");
  circle.cause = circle;
  assert(JSON.stringify(serializeError(circle)).length < 2000);
});

test("deserializeEvent() names the invalid field", () => {
  const good = wire(serializeEvent(eventsOf(["FINISH"])[0]!)) as Record<string, unknown>;
  const token = wire(serializeEvent(eventsOf(["GENERATED_TOKEN"])[0]!)) as Record<string, unknown>;
  const error = wire(serializeEvent(eventsOf(["ERROR_TRANSIENT"])[0]!)) as Record<string, unknown>;
  const without = (name: string) => Object.fromEntries(Object.entries(good).filter(([field]) => field !== name));
  const wrong: [unknown, "EVENT_INVALID" | "RECORD_INVALID", string][] = [
    [null, "RECORD_INVALID", "event must be an object"],
    ["FINISH", "RECORD_INVALID", "event must be an object"],
    [without("version"), "RECORD_INVALID", "event.version must be 1"],
    [{ ...good, version: 2 }, "RECORD_INVALID", "event.version must be 1, got 2"],
    [{ ...good, type: "STARTED" }, "EVENT_INVALID", 'type must be one of the known event types, got "STARTED"'],
    [without("type"), "EVENT_INVALID", "type is missing"],
    [without("payload"), "EVENT_INVALID", "payload is missing"],
    [without("timestamp"), "EVENT_INVALID", "timestamp is missing"],
    [without("requestId"), "EVENT_INVALID", "requestId is missing"],
    [{ ...good, payload: {} }, "EVENT_INVALID", "payload of FINISH must be null"],
    [{ ...good, timestamp: "12" }, "EVENT_INVALID", "timestamp"],
    [{ ...good, more: 1 }, "EVENT_INVALID", "more is not a known field"],
    [{ ...token, payload: null }, "EVENT_INVALID", "payload must be an object"],
    [{ ...token, payload: { tokenId: "40", text: "" } }, "EVENT_INVALID", "payload.tokenId"],
    [{ ...token, timestamp: null }, "EVENT_INVALID", "timestamp"],
    [{ ...error, payload: requestError(false) }, "EVENT_INVALID", "payload.transient must be true"],
    [{ ...token, payload: { tokenId: { $number: "ten" }, text: "" } }, "RECORD_INVALID", "payload.tokenId.$number"],
  ];
  for (const [value, code, message] of wrong) {
    assertUpbeatError(() => deserializeEvent(value, { requestId: 7 }), code, message);
  }
  for (const value of [-1, 1.5, NaN]) {
    assertUpbeatError(() => deserializeEvent(value, { requestId: 7 }), "EVENT_INVALID", "tokenId");
  }
});

test("deserializeRecord() names the invalid field, wherever it is", () => {
  const serialized = serializeRecord(fullRecord(), { returnPromptTokens: true });
  const wrong: [(copy: Editable) => void, string][] = [
    [(copy) => copy["version"] = 9, "record.version must be 1, got 9"],
    [(copy) => delete copy["segments"], "record.segments must be an array"],
    [(copy) => copy["segments"] = [], "at least one segment"],
    [(copy) => copy["more"] = 1, "record.more is not a known field"],
    [(copy) => delete second(copy)["version"], "record.segments[1].version"],
    [(copy) => second(copy)["requestId"] = 8, "must be the request's own, 8"],
    [(copy) => second(copy)["tokenIds"] = [1, "2"], "record.segments[1].tokenIds[1]"],
    [(copy) => second(copy)["status"] = "lost", "record.segments[1].status must be one of queued"],
    [(copy) => second(copy)["promptLength"] = 9, "record.segments[1].promptLength must be 4"],
    [(copy) => second(copy)["generatedBefore"] = 5, "record.segments[1].generatedBefore"],
    [(copy) => second(copy)["events"] = null, "record.segments[1].events must be an array"],
    [(copy) => second(copy)["surprise"] = 1, "record.segments[1].surprise is not a known field"],
    [(copy) => (second(copy)["sampling"] as Editable)["seed"] = 0.5, "record.segments[1].sampling.seed"],
    [(copy) => delete (second(copy)["sampling"] as Editable)["topK"], "record.segments[1].sampling.topK is missing"],
    [(copy) => (second(copy)["tracking"] as Editable)["pauses"] = 1, "record.segments[1].tracking.pauses"],
  ];
  for (const field of Object.keys(serialized.segments[1]!)) {
    if (field === "version" || field === "events" || field === "promptTokenIds") continue;
    wrong.push([(copy) => delete second(copy)[field], `record.segments[1].${field} is missing`]);
  }
  for (const [edit, message] of wrong) {
    const copy = wire(serialized) as Editable;
    edit(copy);
    const error = assertThrows(() => deserializeRecord(copy), UpbeatError);
    assert(error.message.includes(message), `${error.message} lacks ${message}`);
    assert(error.code === "RECORD_INVALID" || error.code === "EVENT_INVALID");
  }
});

type Editable = Record<string, unknown>;

function second(record: Editable): Editable {
  return (record["segments"] as Editable[])[1]!;
}

test("fromPlain() restores typed arrays with dtype, shape and every element", () => {
  for (
    const array of [
      Int8Array.of(-128, 127),
      Uint8Array.of(0, 255),
      Int16Array.of(-32768),
      Uint16Array.of(65535),
      Int32Array.of(-(2 ** 31), 2 ** 31 - 1),
      Uint32Array.of(2 ** 32 - 1),
      Float32Array.of(0.1, -0, NaN, Infinity),
      Float64Array.of(0.1, Number.MIN_VALUE),
      new Int32Array(0),
    ]
  ) {
    const back = fromPlain(wire(toPlain(array)));
    assertEquals(Object.getPrototypeOf(back), Object.getPrototypeOf(array));
    assert((back as typeof array).every((element, index) => Object.is(element, array[index])));
    assertEquals((back as typeof array).length, array.length);
  }
  const wrong: [object, string][] = [
    [{ dtype: "I64", shape: [1], data: [1] }, "value.$array.dtype"],
    [{ dtype: "I32", shape: [2], data: [1] }, "value.$array.shape must be [1]"],
    [{ dtype: "I32", shape: [1, 1], data: [1] }, "value.$array.shape"],
    [{ dtype: "I32", shape: [1], data: "1" }, "value.$array.data"],
    [{ dtype: "I32", shape: [1], data: [2 ** 31] }, "value.$array.data[0] must be a number of dtype I32"],
    [{ dtype: "F32", shape: [1], data: [0.1] }, "value.$array.data[0]"],
  ];
  for (const [array, message] of wrong) {
    assertUpbeatError(() => fromPlain({ $array: array }), "RECORD_INVALID", message);
  }
});

test("toPlain() rejects values that could not be restored", () => {
  for (const value of [1n, () => 1, Symbol("s"), new Map(), new Date(), new UpbeatError("INTERNAL", "m"), undefined]) {
    assertUpbeatError(() => toPlain({ deep: [value] }), "RECORD_INVALID", "value.deep[0]");
  }
});

test("deserializeRecord() restores any sequence of events with any payloads, in both forms", () => {
  fc.assert(
    fc.property(events, fc.boolean(), (life, returnPromptTokens) => {
      for (const event of life) assertEquals(deserializeEvent(wire(serializeEvent(event))), event);
      // Cut at evictions, as a record is.
      const cuts = life.flatMap(({ type }, index) => (type === "EVICT" ? [index] : []));
      const segments = [0, ...cuts].map((start, index) => segmentWith(life.slice(start, cuts[index] ?? life.length)));
      const record = new RequestRecord(segments);
      for (const mode of MODES) {
        const back = deserializeRecord(wire(serializeRecord(record, { mode, returnPromptTokens })));
        const expected = mode === "full" ? life : life.map(compacted);
        assertEquals(back.merge().events, expected);
        assertEquals(back.merge().tokenIds, record.merge().tokenIds);
        assertEquals(
          back.merge().events.filter((event) => !isToken(event)),
          life.filter((event) => !isToken(event)),
        );
      }
    }),
    { seed: 7, numRuns: 300 },
  );
});

test("deserializeEvent() rejects an event with any field replaced by nonsense", () => {
  fc.assert(
    fc.property(events, fc.nat(), fc.constantFrom(undefined, [], {}, "x", true), (life, at, nonsense) => {
      const serialized = wire(serializeEvent(life[at % life.length]!)) as Record<string, unknown>;
      for (const field of ["version", "requestId", "type", "timestamp", "payload"]) {
        assertThrows(() => deserializeEvent({ ...serialized, [field]: nonsense }), UpbeatError, field);
      }
    }),
    { seed: 8, numRuns: 300 },
  );
});
