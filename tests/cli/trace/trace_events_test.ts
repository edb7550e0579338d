import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import {
  deserializeRequest,
  type RequestEvent,
  RequestRecord,
  serializeRequest,
  type StepReport,
  type StoredEvent,
} from "../../../mod.ts";
import { traceEvents, type TraceSource } from "../../../cli/trace/trace_events.ts";
import { formatTrace } from "../../../cli/trace/trace_format.ts";
import type { TracedRequest } from "../../../cli/trace/trace_request.ts";
import { createEvent } from "../../../engine/events/events.ts";
import type { EventPayloads, RequestEventType } from "../../../engine/events/event_types.ts";
import { newSegment } from "../../../engine/events/request_record.ts";
import { type CheckedLane, checkTrace } from "../../support/check_trace.ts";
import { eventsOf, lives, segmentRequest } from "../../support/events.ts";

const IDLE = { running: 0, paused: 0, waiting: 0, kvBlocks: { used: 0, cached: 3, total: 8 } };

/** A step of one decoding request, with everything in it a millisecond after the other. */
function stepReport(step: number, start: number, changes: Partial<StepReport> = {}): StepReport {
  return {
    step,
    start,
    forwardLaunched: start + 0.5,
    sampling: start + 0.75,
    launched: start + 1,
    waiting: start + 2,
    resultsAt: start + 3,
    firstTokensSent: start + 3,
    processing: start + 3.25,
    end: start + 4,
    device: null,
    afterIdle: false,
    launchDelayMs: 0,
    requests: 1,
    prefillRequests: 0,
    prefillTokens: 0,
    decodeTokens: 1,
    sampledTokens: 1,
    usedBlocks: 2,
    cachedBlocks: 1,
    runningRequests: 1,
    pausedRequests: 0,
    waitingRequests: 0,
    ...changes,
  };
}

/** A request from its events. */
function traced(events: readonly RequestEvent[], changes: Partial<TracedRequest["record"]> = {}): TracedRequest {
  const tokenIds = events.flatMap((event) => (event.type === "GENERATED_TOKEN" ? [event.payload.tokenId] : []));
  const segment = { ...newSegment(segmentRequest()), tokenIds, events, finishReason: "length" as const, ...changes };
  return { record: new RequestRecord<StoredEvent>([segment]).merge(), tokenizeMs: null, title: "once" };
}

function check(source: Partial<TraceSource>) {
  return checkTrace(formatTrace(traceEvents({ requests: [], steps: [], finalState: IDLE, about: {}, ...source })));
}

/** Slices as `depth name from-to`. */
function drawn({ slices }: CheckedLane): string[] {
  return slices.map(({ name, ts, dur, depth }) => `${depth} ${name} ${ts}-${ts + dur}`);
}

type Moments = { [Type in RequestEventType]: readonly [number, Type, EventPayloads[Type]] }[RequestEventType][];

const story: Moments = [
  [100, "ADD_ENGINE", null],
  [110, "PREFILL_CHUNK", { tokens: 2, computed: 2, total: 3, cached: 0 }],
  [120, "PREFILL_CHUNK", { tokens: 1, computed: 3, total: 3, cached: 0 }],
  [120, "ADD_CONTEXT", null],
  [123, "GENERATED_TOKEN", { tokenId: 40, text: "a", step: 2, emittedAt: 123.25 }],
  [125, "PAUSE", null],
  [130, "RESUME", null],
  [133, "GENERATED_TOKEN", { tokenId: 41, text: "b", step: 3, emittedAt: 133.25 }],
  [135, "PAUSE", null],
  [136, "EVICT", null],
  [140, "PREFILL_CHUNK", { tokens: 4, computed: 5, total: 5, cached: 1 }],
  [140, "ADD_CONTEXT", null],
  [143, "GENERATED_TOKEN", { tokenId: 42, text: "c", step: 4, emittedAt: 143.25 }],
  [144, "CANCEL", { reason: "user" }],
  [145, "FINISH", null],
];

const request = traced(story.map(([time, type, payload]) => createEvent(7, type, time, payload) as RequestEvent));

const steps = [
  stepReport(1, 110, { prefillRequests: 1, prefillTokens: 2, decodeTokens: 0, sampledTokens: 0 }),
  stepReport(2, 120, { prefillRequests: 1, prefillTokens: 1, decodeTokens: 0 }),
  stepReport(3, 130),
  stepReport(4, 140, { prefillRequests: 1, prefillTokens: 4, decodeTokens: 0, waitingRequests: 2, pausedRequests: 1 }),
];

test("traceEvents() draws the phases of a request, and each of its events", () => {
  const { lanes } = check({ requests: [{ ...request, tokenizeMs: 2.5 }], steps });
  const lane = lanes.get("request 7: once")!;
  assertEquals(lane.process, "requests");
  assertEquals(drawn(lane), [
    "0 queue 0-10000",
    "1 tokenize 0-2500",
    "0 prefill 10000-23000",
    "1 chunk 10000-13000",
    "1 chunk 20000-23000",
    "0 decode 23000-36000",
    "1 paused 25000-30000",
    "1 paused 35000-36000",
    "0 re-queued 36000-40000",
    "0 prefill 40000-43000",
    "1 chunk 40000-43000",
    "0 decode 43000-45000",
  ]);
  assertEquals(
    lane.instants.map(({ name, ts }) => [name, ts]),
    story.map(([time, type]) => [type, (time - 100) * 1000]),
  );
  const argumentsOf = (name: string) =>
    lane.instants.filter((instant) => instant.name === name).map(({ args }) => args);
  assertEquals(argumentsOf("GENERATED_TOKEN")[1], { index: 1, tokenId: 41, text: "b", step: 3, emittedAt: 33250 });
  assertEquals(argumentsOf("FINISH"), [{ reason: "length", stopReason: null, tokens: 3 }]);
  assertEquals(argumentsOf("CANCEL"), [{ reason: "user" }]);
  const slicesOf = (name: string) => lane.slices.filter((slice) => slice.name === name).map(({ args }) => args);
  assertEquals(slicesOf("prefill"), [{ cached: 0, recomputed: 0 }, { cached: 1, recomputed: 2 }]);
  assertEquals(slicesOf("chunk").map(({ step, tokens }) => [step, tokens]), [[1, 2], [2, 1], [4, 4]]);
  assertEquals(slicesOf("re-queued"), [{ tokens: 2 }]);
});

test("traceEvents() draws each step with its parts, and the wait for the device", () => {
  const { lanes } = check({ steps: [stepReport(1, 5), stepReport(2, 9.001)] });
  assertEquals([...lanes.keys()], ["steps"]);
  const lane = lanes.get("steps")!;
  assertEquals(drawn(lane), [
    "0 step 1 0-4000",
    "1 launch forward 0-500",
    "1 launch sampling 750-1000",
    "1 wait for device 2000-3000",
    "1 process 3250-4000",
    "0 step 2 4001-8001",
    "1 launch forward 4001-4501",
    "1 launch sampling 4751-5001",
    "1 wait for device 6001-7001",
    "1 process 7251-8001",
  ]);
  const { step, waitUs, requests, decodeTokens, prefillTokens } = lane.slices[0]!.args;
  assertEquals([step, waitUs, requests, decodeTokens, prefillTokens], [1, 1000, 1, 1, 0]);
});

test("traceEvents() gives steps that overlap lanes of their own", () => {
  const { lanes } = check({ steps: [0, 3, 6, 9].map((start, index) => stepReport(index + 1, start)) });
  const names = (lane: string) => lanes.get(lane)!.slices.filter(({ depth }) => depth === 0).map(({ name }) => name);
  assertEquals(names("steps"), ["step 1", "step 3"]);
  assertEquals(names("steps, overlapping (1)"), ["step 2", "step 4"]);
});

test("traceEvents() draws first tokens that were emitted early", () => {
  const { lanes } = check({ steps: [stepReport(1, 5, { firstTokensSent: 8.125 })] });
  assertEquals(drawn(lanes.get("steps")!)[4], "1 first tokens 3000-3125");
});

test("traceEvents() draws the device's work, and separates steps that overlap by the skew of the clocks", () => {
  const device = (begin: number) => {
    return { begin, forwardEnd: begin + 2, samplingBegin: begin + 2.5, end: begin + 3, idle: 0.5 };
  };
  const reports = [stepReport(1, 5, { device: device(5.5) }), stepReport(2, 10, { device: device(8.25) })];
  assertEquals(drawn(check({ steps: reports }).lanes.get("device")!), [
    "0 forward 1 500-2500",
    "0 sample 1 3000-3500",
    "0 forward 2 3500-5500",
    "0 sample 2 6000-6500",
  ]);
});

test("traceEvents() writes counters at each step, and after the last one", () => {
  const { counters } = check({ steps });
  assertEquals([...counters.keys()].sort(), [
    "KV blocks",
    "admitted requests",
    "batch requests",
    "batch tokens",
    "queue",
  ]);
  assertEquals(counters.get("KV blocks")!.map(({ ts, values }) => [ts, values["used"], values["cached"]]), [
    [0, 2, 1],
    [10000, 2, 1],
    [20000, 2, 1],
    [30000, 2, 1],
    [34000, 0, 3],
  ]);
  const valuesOf = (name: string) => counters.get(name)!.map(({ values }) => Object.values(values));
  assertEquals(valuesOf("batch tokens"), [[2, 0], [1, 0], [0, 1], [4, 0], [0, 0]]);
  assertEquals(valuesOf("batch requests"), [[1, 0], [1, 0], [0, 1], [1, 0], [0, 0]]);
  assertEquals(valuesOf("admitted requests"), [[1, 0], [1, 0], [1, 0], [1, 1], [0, 0]]);
  assertEquals(valuesOf("queue"), [[0], [0], [0], [2], [0]]);
});

test("traceEvents() draws deserialized requests the same, and leaves out tokens without a time", () => {
  const read = (mode: "full" | "compact") => {
    const merged = new RequestRecord([{ ...newSegment(segmentRequest()), ...request.record }] as never).merge();
    return { ...request, record: deserializeRequest(JSON.parse(JSON.stringify(serializeRequest(merged, { mode })))) };
  };
  assertEquals(check({ requests: [read("full")], steps }), check({ requests: [request], steps }));
  const { instants, slices } = check({ requests: [read("compact")], steps }).lanes.get("request 7: once")!;
  assertEquals(
    instants.map(({ name }) => name),
    story.map(([, type]) => type).filter((type) => type !== "GENERATED_TOKEN"),
  );
  assertEquals(slices.find(({ name }) => name === "re-queued")!.args, { tokens: 2 });
});

test("traceEvents() draws a refused request, a running one, and an empty trace", () => {
  const refused = traced(eventsOf(["ADD_ENGINE", "ERROR_NONTRANSIENT", "FAIL"]), { finishReason: null });
  const open = traced(eventsOf(["ADD_ENGINE", "ADD_CONTEXT", "GENERATED_TOKEN", "PAUSE"], 100, 8), { requestId: 8 });
  const { lanes } = check({ requests: [refused, open] });
  assertEquals(drawn(lanes.get("request 7: once")!), ["0 queue 0-2000"]);
  assertEquals(lanes.get("request 7: once")!.instants[1]!.args["code"], "DEVICE_FAULT");
  assertEquals(drawn(lanes.get("request 8: once")!), [
    "0 queue 0-1000",
    "0 prefill 1000-2000",
    "0 decode 2000-3000",
    // A slice that begins where another ends is not nested in it.
    "0 paused 3000-3000",
  ]);
  assertEquals(check({}).lanes.size, 0);
});

test("traceEvents() writes a valid file for every legal order of events", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(lives, fc.double({ min: 0, max: 50, noNaN: true })), { maxLength: 4 }),
      fc.array(fc.double({ min: 0, max: 8, noNaN: true }), { maxLength: 8 }),
      fc.option(fc.double({ min: 0, max: 20, noNaN: true }), { nil: null }),
      (stories, gaps, tokenizeMs) => {
        const requests = stories.map(([{ types, finishReason }, start], index) => {
          const requestId = index + 1;
          return { ...traced(eventsOf(types, start, requestId), { requestId, finishReason }), tokenizeMs };
        });
        let time = 0;
        const steps = gaps.map((gap, index) => stepReport(index + 1, time += gap));
        const { lanes } = check({ requests, steps });
        for (const { record } of requests) {
          const { instants, slices } = lanes.get(`request ${record.requestId}: once`)!;
          assertEquals(instants.map(({ name }) => name), record.events.map(({ type }) => type));
          const count = (type: RequestEventType) => record.events.filter((event) => event.type === type).length;
          assertEquals(slices.filter(({ name }) => name === "re-queued").length, count("EVICT"));
          assertEquals(slices.filter(({ name }) => name === "paused").length, count("PAUSE"));
        }
        const drawnSteps = [...lanes.values()].flatMap(({ process, slices }) => {
          return process === "executor" ? slices.filter(({ depth }) => depth === 0) : [];
        });
        assertEquals(drawnSteps.length, steps.length);
      },
    ),
    { seed: 20261123 },
  );
});

test("checkTrace() refuses invalid files", () => {
  const lines = formatTrace(traceEvents({ requests: [request], steps, finalState: IDLE, about: {} }));
  const broken: [string, string, string][] = [
    ["unknown phase", '"ph":"X"', '"ph":"Q"'],
    ["dur", '"dur":4000', '"dur":-1'],
    ["ts", '"ts":10000', '"ts":10000.5'],
    [
      "crosses the end of",
      '"name":"launch forward","cat":"step","pid":1,"tid":1,"ts":10000,"dur":500',
      '"name":"launch forward","cat":"step","pid":1,"tid":1,"ts":10000,"dur":9000',
    ],
    ["has no name", '"tid":1007,"args":{"name":', '"tid":1008,"args":{"name":'],
    ["s:", '"s":"t"', '"s":"x"'],
    ["args", '"used":2', '"used":"2"'],
    ["series of KV blocks", '"used":2', '"taken":2'],
    ["displayTimeUnit", '"ms"', '"s"'],
    ["time order", '"ts":23000', '"ts":3'],
    [
      "process without a name",
      '"process_name","pid":1,"tid":1,"args":{"name"',
      '"process_labels","pid":1,"tid":1,"args":{"labels"',
    ],
  ];
  checkTrace(lines);
  for (const [message, from, to] of broken) {
    const text = lines.replace(from, to);
    assert(text !== lines, message);
    assertThrows(() => checkTrace(text), Error, message);
  }
});
