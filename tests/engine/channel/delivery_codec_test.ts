import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { decodeDelivery, DeliveryEncoder } from "../../../engine/channel/delivery_codec.ts";
import type { Delivery } from "../../../engine/channel/messages.ts";
import type { ExecutorCounters } from "../../../engine/telemetry/executor_counters.ts";
import type { Moment, RequestUpdate, StepUsage } from "../../../engine/events/moment.ts";
import type { StepReport } from "../../../engine/telemetry/step_report.ts";
import { NO_COUNTERS } from "../../../engine/telemetry/engine_stats.ts";
import { requestError } from "../../support/events.ts";

/** Every counter has a value of its own. */
const COUNTERS = Object.fromEntries(Object.keys(NO_COUNTERS).map((name, index) => [name, index + 0.5]));

const USAGES: readonly (StepUsage | undefined)[] = [
  undefined,
  ...[1, 2].map((step) => ({ step, blocksTotal: 8, blocksAllocated: 4, blocksActive: 3, activeTokens: 20 + step })),
];

function delivery(updates: readonly RequestUpdate[], steps?: readonly StepReport[]): Delivery {
  return { updates, counters: COUNTERS as unknown as ExecutorCounters, emittedAt: 9.125, settledUntil: 8.5, steps };
}

/** Every number has a value of its own. */
function report(step: number, device: StepReport["device"]): StepReport {
  const names = [
    "start",
    "forwardLaunched",
    "sampling",
    "launched",
    "waiting",
    "known",
    "firstTokensSent",
    "processing",
  ];
  names.push("end", "held", "requests", "prefillRequests", "prefillTokens", "decodeTokens", "sampledTokens");
  names.push("usedBlocks", "cachedBlocks", "runningRequests", "pausedRequests", "waitingRequests");
  const numbers = Object.fromEntries(names.map((name, index) => [name, 100 * step + index + 0.25]));
  return { step, ...numbers, followsRest: step === 1, device } as unknown as StepReport;
}

const REPORTS = [
  report(1, null),
  report(2, { begin: 1.5, forwardEnd: 2.5, samplingBegin: 3.5, end: 4.5, idle: 0.125 }),
];

const time = fc.double({ min: 0, max: 1e9, noNaN: true });
const logprob = fc.double({ max: 0, noNaN: true });
const tokenId = fc.nat(2 ** 31 - 1);
const token = fc.record({
  time,
  tokenId,
  usage: fc.constantFrom(...USAGES),
  logprobs: fc.option(fc.record({ logprob, topLogprobs: fc.array(fc.record({ tokenId, logprob }), { maxLength: 3 }) })),
}).map(({ time, tokenId, usage, logprobs }): Moment => {
  return { type: "token", time, tokenId, ...logprobs, ...(usage === undefined ? {} : { usage }) };
});
const moment: fc.Arbitrary<Moment> = fc.oneof(
  token,
  fc.record({
    type: fc.constant("chunk"),
    time,
    tokens: fc.nat(),
    computed: fc.nat(),
    total: fc.nat(),
    cached: fc.nat(),
  }),
  fc.record({ type: fc.constantFrom("context", "pause", "resume", "evict"), time }),
  fc.record({
    type: fc.constant("finish"),
    time,
    reason: fc.constantFrom("stop", "length", "cancelled"),
    stopReason: fc.option(tokenId),
    wastedSteps: fc.nat(1),
  }),
);

const encoder = new DeliveryEncoder();

test("decodeDelivery() gives what was encoded", () => {
  const updates = fc.array(fc.record({ id: fc.nat(2 ** 31 - 1), moments: fc.array(moment, { maxLength: 4 }) }));
  fc.assert(
    fc.property(updates, fc.constantFrom(undefined, [], REPORTS), fc.boolean(), (updates, steps, hasCounters) => {
      const original = { ...delivery(updates, steps), ...(hasCounters ? {} : { counters: null }) };
      assertEquals(decodeDelivery(encoder.encode(original)!), original);
    }),
    { seed: 20261122 },
  );
});

test("DeliveryEncoder encodes nothing where something is no number", () => {
  const moments: Moment[] = [
    { type: "refused", time: 1, error: requestError(true) },
    { type: "failure", time: 1, error: requestError(false) },
    { type: "finish", time: 1, reason: "stop", stopReason: "\n", wastedSteps: 0 },
  ];
  for (const moment of moments) assertEquals(encoder.encode(delivery([{ id: 1, moments: [moment] }])), null);
});

test("DeliveryEncoder tells the use of the KV cache once for all tokens of a step", () => {
  const updates = (count: number): RequestUpdate[] =>
    Array.from(
      { length: count },
      (_, id) => ({ id, moments: [{ type: "token", time: 7, tokenId: 1, usage: USAGES[1]! }] }),
    );
  const lengths = [1, 2, 3].map((count) => encoder.encode(delivery(updates(count)))!.length);
  assertEquals(lengths[2]! - lengths[1]!, lengths[1]! - lengths[0]!);
  assert(lengths[1]! - lengths[0]! <= 7, lengths.join());
});
