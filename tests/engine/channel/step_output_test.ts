import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { type OutputHeader, OutputWriter } from "../../../engine/channel/step_output.ts";
import type { StepUsage } from "../../../engine/events/executor_event.ts";
import { type ExecutorCounters, NO_COUNTERS } from "../../../engine/telemetry/executor_counters.ts";
import type { StepReport } from "../../../engine/telemetry/step_report.ts";
import { requestError } from "../../support/events.ts";
import { type OutputEvent, recordOutput } from "../../support/recorded_outputs.ts";

/** Every counter has a value of its own. */
const COUNTERS = Object.fromEntries(Object.keys(NO_COUNTERS).map((name, index) => [name, index + 0.5]));
const HEADER: OutputHeader = { emittedAt: 9.125, watermark: 8.5, counters: COUNTERS as unknown as ExecutorCounters };

const USAGES: readonly (StepUsage | null)[] = [
  null,
  ...[1, 2].map((step) => ({ step, blocksTotal: 8, blocksAllocated: 4, blocksActive: 3, activeTokens: 20 + step })),
];

/** Every number has a value of its own. */
function report(step: number, device: StepReport["device"]): StepReport {
  const names = [
    "start",
    "forwardLaunched",
    "sampling",
    "launched",
    "waiting",
    "resultsAt",
    "firstTokensSent",
    "processing",
  ];
  names.push("end", "launchDelayMs", "requests", "prefillRequests", "prefillTokens", "decodeTokens", "sampledTokens");
  names.push("usedBlocks", "cachedBlocks", "runningRequests", "pausedRequests", "waitingRequests");
  const numbers = Object.fromEntries(names.map((name, index) => [name, 100 * step + index + 0.25]));
  const { resultsAt: known, launchDelayMs: held } = numbers;
  const [afterIdle, followsRest] = [step === 1, step === 1];
  return { step, ...numbers, afterIdle, device, known, held, followsRest } as unknown as StepReport;
}

const REPORTS = [
  report(1, null),
  report(2, { begin: 1.5, forwardEnd: 2.5, samplingBegin: 3.5, end: 4.5, idle: 0.125 }),
];

const writer = new OutputWriter();

/** Write an event as the emitter does. */
function write(event: OutputEvent): void {
  const { requestId, timestamp } = event;
  if (event.type === "GENERATED_TOKEN") {
    const { tokenId, logprobs, usage } = event.payload;
    writer.token(requestId, tokenId, timestamp, logprobs, usage);
  } else if (event.type === "FINISH") writer.finish(requestId, timestamp, event.payload);
  else writer.event(event);
}

const requestId = fc.nat(2 ** 31 - 1);
const timestamp = fc.double({ min: 0, max: 1e9, noNaN: true });
const tokenId = fc.maxSafeNat();
const logprob = fc.double({ max: 0 });

const token: fc.Arbitrary<OutputEvent> = fc.record({
  requestId,
  type: fc.constant("GENERATED_TOKEN"),
  timestamp,
  payload: tokenId.chain((id) =>
    fc.record({
      tokenId: fc.constant(id),
      usage: fc.constantFrom(...USAGES),
      logprobs: fc.option(
        fc.record({
          tokenId: fc.constant(id),
          logprob,
          top: fc.array(fc.record({ tokenId, logprob }), { maxLength: 3 }),
        }),
        { nil: null },
      ),
    })
  ),
});

const event: fc.Arbitrary<OutputEvent> = fc.oneof(
  { weight: 3, arbitrary: token },
  fc.record({
    requestId,
    type: fc.constant("PREFILL_CHUNK"),
    timestamp,
    payload: fc.record({ tokens: fc.nat(), computed: fc.nat(), total: fc.nat(), cached: fc.nat() }),
  }),
  fc.record({
    requestId,
    type: fc.constantFrom("ADD_CONTEXT", "PAUSE", "RESUME", "EVICT"),
    timestamp,
    payload: fc.constant(null),
  }),
  fc.record({ requestId, type: fc.constant("ERROR_TRANSIENT"), timestamp, payload: fc.constant(requestError(true)) }),
  fc.record({
    requestId,
    type: fc.constant("ERROR_NONTRANSIENT"),
    timestamp,
    payload: fc.constant(requestError(false)),
  }),
  fc.record({
    requestId,
    type: fc.constant("FINISH"),
    timestamp,
    payload: fc.record({
      reason: fc.constantFrom("stop", "length", "cancelled"),
      stopReason: fc.oneof(fc.constant(null), tokenId, fc.string()),
      wastedSteps: fc.nat(1),
    }),
  }),
);

test("readOutput() reads what was written, in order", () => {
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 60, size: "max" }),
      fc.constantFrom([], REPORTS),
      fc.boolean(),
      (events, steps, hasCounters) => {
        const header = hasCounters ? HEADER : { ...HEADER, counters: null };
        for (const each of events) write(each);
        for (const report of steps) writer.step(report);
        assertEquals(recordOutput(writer.complete(header)), { ...header, events, steps });
        assert(writer.isEmpty);
      },
    ),
    { seed: 20261122, numRuns: 300 },
  );
});

test("OutputWriter grows with its output", () => {
  const count = 3000;
  for (let index = 0; index < count; index++) writer.token(index, 2 * index, index / 2, null, null);
  const { events } = recordOutput(writer.complete(HEADER));
  const numbers = events.map(({ requestId, timestamp }) => [requestId, timestamp]);
  assertEquals(numbers, Array.from({ length: count }, (_, index) => [index, index / 2]));
});

test("OutputWriter writes numbers, except for errors and stop strings", () => {
  const numbers: OutputEvent[] = [
    { requestId: 1, type: "GENERATED_TOKEN", timestamp: 1, payload: { tokenId: 5, logprobs: null, usage: USAGES[1]! } },
    { requestId: 1, type: "FINISH", timestamp: 1, payload: { reason: "stop", stopReason: 5, wastedSteps: 0 } },
  ];
  for (const each of numbers) write(each);
  assertEquals(writer.complete(HEADER).values, []);
  const others: OutputEvent[] = [
    { requestId: 1, type: "ERROR_TRANSIENT", timestamp: 1, payload: requestError(true) },
    { requestId: 1, type: "FINISH", timestamp: 1, payload: { reason: "stop", stopReason: "\n", wastedSteps: 0 } },
    { requestId: 1, type: "ERROR_NONTRANSIENT", timestamp: 1, payload: requestError(false) },
  ];
  for (const each of others) write(each);
  assertEquals(writer.complete(HEADER).values, [requestError(true), "\n", requestError(false)]);
});

test("OutputWriter writes the usage of the KV cache once for all tokens of a step", () => {
  const lengths = [1, 2, 3].map((count) => {
    for (let id = 0; id < count; id++) writer.token(id, 1, 7, null, USAGES[1]!);
    return writer.complete(HEADER).numbers.length;
  });
  assertEquals(lengths[2]! - lengths[1]!, lengths[1]! - lengths[0]!);
  assert(lengths[1]! - lengths[0]! <= 7, lengths.join());
  // In the next output it is new.
  writer.token(1, 1, 7, null, USAGES[1]!);
  assertEquals(writer.complete(HEADER).numbers.length, lengths[0]);
});
