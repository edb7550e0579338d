import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { UpbeatError } from "../../../errors.ts";
import { Emitter } from "../../../engine/executor/emitter.ts";
import { MAX_LOGPROBS } from "../../../engine/config/sampling_options.ts";
import type { EncodedOutput } from "../../../engine/channel/step_output.ts";
import type { StepUsage } from "../../../engine/events/executor_event.ts";
import type { StepResults } from "../../../engine/runner/step_results.ts";
import type { Request } from "../../../engine/scheduler/request.ts";
import { NO_COUNTERS } from "../../../engine/telemetry/executor_counters.ts";
import { type RecordedOutput, recordOutput } from "../../support/recorded_outputs.ts";
import { greedy, makeRequest } from "../../support/scripted/requests.ts";

/** An emitter with what it sent; null for each flush without an output. */
function open(streamInterval: number) {
  const sent: (RecordedOutput | null)[] = [];
  const last: boolean[] = [];
  const port = {
    send: (output: EncodedOutput | null) => {
      sent.push(output === null ? null : recordOutput(output));
      last.push(output?.isLast ?? false);
    },
  };
  return { emitter: new Emitter({ port, now: () => 1000, streamInterval, reports: null }), sent, last };
}

const results = { tokens: Int32Array.of(5) } as unknown as StepResults;

/** Generate a token at a time. */
function generate(emitter: Emitter, request: Request, time: number, isLast = false): boolean {
  request.tokenIds.push(5);
  if (isLast) request.ending = { reason: "length", stopReason: null };
  return emitter.token(request, results, 0, time, null);
}

/** What an output has, as `type@time` of each request. */
function contents(output: RecordedOutput | null | undefined): string[] {
  return (output?.events ?? []).map(({ requestId, type, timestamp }) => `${requestId} ${type}@${timestamp}`);
}

test("token() buffers tokens until their chunk is complete, and flush() sends whole chunks", () => {
  const { emitter, sent } = open(4);
  const request = makeRequest(1, 3, 20);
  const emitted = Array.from({ length: 9 }, (_, index) => {
    const isEmitted = generate(emitter, request, index);
    emitter.flush(100, null);
    return isEmitted;
  });
  assertEquals(emitted, [true, false, false, true, false, false, false, true, false]);
  assertEquals(sent.map((output) => output?.events.length ?? null), [1, null, null, 3, null, null, null, 4, null]);
  assertEquals(contents(sent[3]), [1, 2, 3].map((time) => `1 GENERATED_TOKEN@${time}`));
});

test("event() emits a request's buffered tokens first, and the next chunk ends where it would have", () => {
  const { emitter, sent } = open(4);
  const [request, other] = [makeRequest(1, 3, 20), makeRequest(2, 3, 20)];
  for (const time of [1, 2]) for (const each of [request, other]) generate(emitter, each, time);
  emitter.event(request, "PAUSE", 3, null);
  emitter.flush(100, null);
  assertEquals(contents(sent[0]), [
    "1 GENERATED_TOKEN@1",
    "2 GENERATED_TOKEN@1",
    "1 GENERATED_TOKEN@2",
    "1 PAUSE@3",
  ]);
  assertEquals([generate(emitter, request, 4), generate(emitter, request, 5)], [false, true]);
  assertEquals([generate(emitter, other, 4), generate(emitter, other, 5)], [false, true]);
  emitter.flush(100, null);
  assertEquals(contents(sent[1]), [
    ...[4, 5].map((time) => `1 GENERATED_TOKEN@${time}`),
    ...[2, 4, 5].map((time) => `2 GENERATED_TOKEN@${time}`),
  ]);
});

test("token() buffers a token that ends its request until finish()", () => {
  for (const streamInterval of [1, 4]) {
    const { emitter, sent } = open(streamInterval);
    const request = makeRequest(1, 3, 20);
    assertEquals(generate(emitter, request, 7, true), false);
    emitter.flush(100, null);
    request.stepsInFlight = 1;
    emitter.finish(request, 7, "length", null);
    emitter.flush(100, null);
    assertEquals(sent.map(contents), [[], ["1 GENERATED_TOKEN@7", "1 FINISH@7"]]);
    assertEquals(sent[1]!.events[1]!.payload, { reason: "length", stopReason: null, wastedSteps: 1 });
  }
});

test("fail() emits buffered tokens, then the error with the request", () => {
  const { emitter, sent } = open(100);
  const request = makeRequest(1, 3, 20);
  for (const time of [1, 2]) generate(emitter, request, time);
  emitter.fail(request, 3, new UpbeatError("DEVICE_FAULT", "the device broke"));
  emitter.flush(100, null);
  assertEquals(contents(sent[0]), ["1 GENERATED_TOKEN@1", "1 GENERATED_TOKEN@2", "1 ERROR_NONTRANSIENT@3"]);
  assertEquals(sent[0]!.events[2]!.payload, {
    code: "DEVICE_FAULT",
    message: "the device broke",
    details: {},
    requestId: 1,
    transient: false,
  });
});

test("failAll() fails all requests in the last output, fail() a request in one of many", () => {
  const { emitter, sent, last } = open(1);
  const requests = [1, 2, 3].map((id) => makeRequest(id, 3, 20));
  emitter.fail(requests[0]!, 3, new UpbeatError("INTERNAL", "it fails alone"));
  emitter.flush(100, null);
  emitter.failAll(requests.slice(1), 4, new UpbeatError("DEVICE_FAULT", "the device broke"));
  emitter.flush(100, null);
  assertEquals(sent.map(contents), [
    ["1 ERROR_NONTRANSIENT@3"],
    [2, 3].map((id) => `${id} ERROR_NONTRANSIENT@4`),
  ]);
  assertEquals(last, [false, true]);
});

test("flush() sends a watermark that buffered tokens do not fall below", () => {
  const { emitter, sent } = open(4);
  const requests = [1, 2].map((id) => makeRequest(id, 3, 20));
  for (const [index, request] of requests.entries()) generate(emitter, request, 10 + index);
  emitter.flush(20, null);
  for (const [index, request] of requests.entries()) generate(emitter, request, 30 - index);
  emitter.event(makeRequest(3, 3, 20), "ADD_CONTEXT", 31, null);
  emitter.flush(40, null);
  emitter.finish(requests[1]!, 45, "cancelled", null);
  emitter.flush(50, () => NO_COUNTERS);
  assertEquals(sent.map((output) => output?.watermark), [20, 29, 30]);
  assertEquals(sent.map((output) => output?.counters ?? null), [null, null, NO_COUNTERS]);
});

test("flush() and skip() send null where there is nothing to send", () => {
  const { emitter, sent } = open(1);
  emitter.flush(1, () => NO_COUNTERS);
  emitter.skip();
  assertEquals(sent, [null, null]);
});

test("token() sends log-probabilities and the usage of the KV cache only where the request asks for them", () => {
  const { emitter, sent } = open(1);
  const usage: StepUsage = { step: 1, blocksTotal: 8, blocksAllocated: 4, blocksActive: 3, activeTokens: 20 };
  const rows = {
    tokens: Int32Array.of(5, 6),
    logprobs: Float32Array.from({ length: 2 * (1 + MAX_LOGPROBS) }, (_, index) => -index),
    logprobTokens: Int32Array.from({ length: 2 * MAX_LOGPROBS }, (_, index) => 100 + index),
  } as unknown as StepResults;
  const plain = makeRequest(1, 3, 20);
  const detailed = makeRequest(2, 3, 20, { sampling: { ...greedy, logprobs: 2 }, trackTokens: true });
  for (const [row, request] of [plain, detailed].entries()) {
    request.tokenIds.push(rows.tokens[row]!);
    emitter.token(request, rows, row, 7, usage);
  }
  emitter.flush(100, null);
  const first = 1 + MAX_LOGPROBS;
  const top = [1, 2].map((rank) => ({ tokenId: 99 + MAX_LOGPROBS + rank, logprob: -first - rank }));
  assertEquals(sent[0]!.events.map(({ payload }) => payload), [
    { tokenId: 5, logprobs: null, usage: null },
    { tokenId: 6, logprobs: { tokenId: 6, logprob: -first, top }, usage },
  ]);
});
