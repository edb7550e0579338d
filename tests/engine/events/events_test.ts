import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { test } from "node:test";
import { UpbeatError } from "../../../errors.ts";
import { createEvent, formatEvent } from "../../../engine/events/events.ts";
import {
  DETAIL_EVENT_TYPES,
  type EventPayloads,
  LIFECYCLE_EVENT_TYPES,
  type RequestEventType,
} from "../../../engine/events/event_types.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";
import { eventsOf, requestError } from "../../support/events.ts";

/** The constructor as a caller without types has it. */
const create = createEvent as (requestId: unknown, type: unknown, timestamp: unknown, payload: unknown) => unknown;

test("there are nine lifecycle types and three detail types", () => {
  assertEquals([...LIFECYCLE_EVENT_TYPES], [
    "ADD_ENGINE",
    "ADD_CONTEXT",
    "GENERATED_TOKEN",
    "PAUSE",
    "EVICT",
    "FINISH",
    "FAIL",
    "ERROR_TRANSIENT",
    "ERROR_NONTRANSIENT",
  ]);
  assertEquals([...DETAIL_EVENT_TYPES], ["PREFILL_CHUNK", "RESUME", "CANCEL"]);
});

test("createEvent() creates an event with a payload of its type", () => {
  const payloads: EventPayloads = {
    ADD_ENGINE: null,
    ADD_CONTEXT: null,
    GENERATED_TOKEN: {
      tokenId: 42,
      text: " the",
      logprob: -Infinity,
      topLogprobs: [{ tokenId: 1, logprob: -1 }],
      step: 3,
    },
    PAUSE: null,
    EVICT: null,
    FINISH: null,
    FAIL: null,
    ERROR_TRANSIENT: requestError(true),
    ERROR_NONTRANSIENT: requestError(false),
    PREFILL_CHUNK: { tokens: 1, computed: 2, total: 3, cached: 0 },
    RESUME: null,
    CANCEL: { reason: "deadline" },
  };
  for (const type of [...LIFECYCLE_EVENT_TYPES, ...DETAIL_EVENT_TYPES]) {
    const event = create(7, type, 12.5, payloads[type]);
    assertEquals(event, { requestId: 7, type, timestamp: 12.5, payload: payloads[type] });
  }
});

test("createEvent() rejects any payload but null for the types without one", () => {
  for (const type of ["ADD_ENGINE", "ADD_CONTEXT", "PAUSE", "EVICT", "FINISH", "FAIL", "RESUME"]) {
    for (const payload of [undefined, {}, [], 0, "", false, { tokenId: 1 }, requestError(true)]) {
      assertUpbeatError(() => create(7, type, 0, payload), "EVENT_INVALID", "payload", type);
    }
  }
});

test("createEvent() accepts token ids from 0 to the largest safe integer, and nothing else", () => {
  for (const tokenId of [0, 2 ** 31 - 1, 2 ** 31, 2 ** 53 - 1]) {
    assertEquals(createEvent(7, "GENERATED_TOKEN", 0, { tokenId, text: "" }).payload.tokenId, tokenId);
  }
  for (const tokenId of [-1, 1.5, NaN, Infinity, 2 ** 53, "1", 1n, null, undefined]) {
    assertUpbeatError(() => create(7, "GENERATED_TOKEN", 0, { tokenId, text: "" }), "EVENT_INVALID", "payload.tokenId");
  }
  for (const payload of [null, undefined, 42, "42", [42]]) {
    assertUpbeatError(() => create(7, "GENERATED_TOKEN", 0, payload), "EVENT_INVALID", "payload must be an object");
  }
  const wrong: [object, string][] = [
    [{ text: "" }, "payload.tokenId is missing"],
    [{ tokenId: 1 }, "payload.text is missing"],
    [{ tokenId: 1, text: 5 }, "payload.text"],
    [{ tokenId: 1, text: "", logprob: "-1" }, "payload.logprob"],
    [{ tokenId: 1, text: "", topLogprobs: [{ tokenId: 1 }] }, "payload.topLogprobs[0].logprob"],
    [{ tokenId: 1, text: "", blocksActive: -1 }, "payload.blocksActive"],
    [{ tokenId: 1, text: "", tokenID: 2 }, "payload.tokenID is not a known field"],
  ];
  for (const [payload, message] of wrong) {
    assertUpbeatError(() => create(7, "GENERATED_TOKEN", 0, payload), "EVENT_INVALID", message);
  }
});

test("createEvent() rejects errors that disagree with the event, or that lack a field", () => {
  const types: [RequestEventType, boolean][] = [["ERROR_TRANSIENT", true], ["ERROR_NONTRANSIENT", false]];
  for (const [type, transient] of types) {
    const good = requestError(transient);
    const wrong: [unknown, string][] = [
      [null, "payload must be an object"],
      ["DEVICE_FAULT", "payload must be an object"],
      [new UpbeatError("DEVICE_FAULT", "an error itself"), "payload"],
      [{ ...good, transient: !transient }, `payload.transient must be ${transient}`],
      [{ ...good, requestId: 8 }, "payload.requestId must be the event's own, 7"],
      [{ ...good, code: "NO_SUCH_CODE" }, "payload.code"],
      [{ ...good, message: 5 }, "payload.message"],
      [{ ...good, details: { list: [1] } }, "payload.details.list"],
      [{ ...good, cause: { name: "Error" } }, "payload.cause.message is missing"],
      [{ ...good, cause: { name: "Error", message: "", cause: 1 } }, "payload.cause.cause"],
    ];
    for (const field of ["code", "message", "details", "requestId", "transient"]) {
      wrong.push([{ ...good, [field]: undefined }, `payload.${field}`]);
      const { [field as "code"]: _, ...rest } = good;
      wrong.push([rest, `payload.${field} is missing`]);
    }
    for (const [payload, message] of wrong) {
      assertUpbeatError(() => create(7, type, 0, payload), "EVENT_INVALID", message);
    }
  }
});

test("createEvent() rejects invalid details, and events without a type, a time or a request", () => {
  const chunk = { tokens: 1, computed: 1, total: 1, cached: 0 };
  const wrong: [Parameters<typeof create>, string][] = [
    [[7, "PREFILL_CHUNK", 0, { ...chunk, cached: 0.5 }], "payload.cached"],
    [[7, "PREFILL_CHUNK", 0, null], "payload must be an object"],
    [[7, "CANCEL", 0, { reason: "boredom" }], "payload.reason must be one of user, disconnect, deadline, shutdown"],
    [[7, "CANCEL", 0, null], "payload must be an object"],
    [[7, "STARTED", 0, null], 'type must be one of the known event types, got "STARTED"'],
    [[7, "constructor", 0, null], "type"],
    [[7, "FINISH", NaN, null], "timestamp"],
    [[7, "FINISH", null, null], "timestamp"],
    [[-1, "FINISH", 0, null], "requestId"],
    [["7", "FINISH", 0, null], "requestId"],
  ];
  for (const [parameters, message] of wrong) {
    assertUpbeatError(() => create(...parameters), "EVENT_INVALID", message);
  }
});

test("formatEvent() writes each type as one line", () => {
  const lines = eventsOf([...LIFECYCLE_EVENT_TYPES, ...DETAIL_EVENT_TYPES], 12.3456).map(formatEvent);
  assertEquals(lines, [
    "[12.346] ADD_ENGINE",
    "[13.346] ADD_CONTEXT",
    "[14.346] GENERATED_TOKEN, token=40",
    "[15.346] PAUSE",
    "[16.346] EVICT",
    "[17.346] FINISH",
    "[18.346] FAIL",
    "[19.346] ERROR_TRANSIENT, KV_BLOCKS_EXHAUSTED",
    "[20.346] ERROR_NONTRANSIENT, DEVICE_FAULT",
    "[21.346] PREFILL_CHUNK, tokens=2, computed=3/4, cached=1",
    "[22.346] RESUME",
    "[23.346] CANCEL, user",
  ]);
  const compact = { requestId: 1, type: "GENERATED_TOKEN", timestamp: null, payload: { tokenId: 5 } } as const;
  assertEquals(formatEvent(compact), "[-] GENERATED_TOKEN, token=5");
});

test("createEvent() shortens a long value in its error", () => {
  const error = assertThrows(() => create(7, "x".repeat(10_000), 0, null), UpbeatError);
  assertStringIncludes(error.message, "xxx…");
  assertEquals(error.message.length < 200, true);
});
