import { assertEquals, assertRejects } from "@std/assert";
import { test } from "node:test";
import { UpbeatError } from "../../../errors.ts";
import { LiveGenerations } from "../../../engine/caller/live_generations.ts";
import { NO_TRACKING } from "../../../engine/config/tracking.ts";
import { NO_COUNTERS } from "../../../engine/telemetry/executor_counters.ts";
import type { StepReport } from "../../../engine/telemetry/step_report.ts";
import { play } from "../../support/played_generation.ts";

/** Live generations of requests 1 to `count`, and how often the last one was over. */
function open(count: number) {
  let idle = 0;
  const steps: StepReport[] = [];
  const live = new LiveGenerations(() => idle++, (report) => steps.push(report));
  const played = Array.from({ length: count }, (_, index) => play(NO_TRACKING, { requestId: index + 1 }, live.hub));
  for (const { generation } of played) live.add(generation);
  return { live, played, steps, idle: () => idle };
}

const chunk = { tokens: 4, computed: 4, total: 4, cached: 0 };

/** Admit a request, with one token. */
function begin(live: LiveGenerations, requestId: number, time: number): void {
  live.request(requestId)?.onEvent({ requestId, type: "PREFILL_CHUNK", timestamp: time, payload: chunk });
  live.request(requestId)?.onEvent({ requestId, type: "ADD_CONTEXT", timestamp: time, payload: null });
  live.request(requestId)?.onToken(5, time + 1, live.emittedAt, null, null);
}

const output = (emittedAt: number) => ({ emittedAt, watermark: emittedAt, counters: null });

test("request() returns the live generations, and undefined for others", async () => {
  const { live, played, idle } = open(2);
  live.beginOutput({ ...output(105), counters: { ...NO_COUNTERS, steps: 3 } });
  begin(live, 1, 103);
  begin(live, 99, 103);
  live.endOutput([]);
  assertEquals([live.size, live.queued, live.counters.steps, live.emittedAt], [2, 1, 3, 105]);
  assertEquals(played.map(({ generation }) => generation.record.merge().tokenIds), [[5], []]);

  live.beginOutput(output(106));
  live.request(1)?.onFinish(106, { reason: "length", stopReason: null, wastedSteps: 0 });
  live.endOutput([]);
  assertEquals([live.size, live.queued, live.counters.steps, idle()], [1, 1, 3, 0]);
  assertEquals((await played[0]!.generation.result).metrics.emissionLagMs, 1);
  // An output about it may still be on its way.
  live.beginOutput(output(107));
  live.request(1)?.onToken(6, 107, live.emittedAt, null, null);
  live.endOutput([]);
  assertEquals(played[0]!.generation.record.merge().tokenIds, [5]);
});

test("endOutput() wakes iterators, then passes on the reports of steps", async () => {
  const { live, played, steps } = open(1);
  const chunks = played[0]!.generation.chunks();
  const first = chunks.next();
  live.beginOutput(output(105));
  begin(live, 1, 103);
  live.request(1)?.onFinish(104, { reason: "stop", stopReason: 5, wastedSteps: 0 });
  live.endOutput([{ step: 1 } as StepReport]);
  assertEquals((await first).value, {
    text: played[0]!.generation.record.merge().text!,
    tokenIds: [5],
    finishReason: "stop",
  });
  assertEquals(steps.map(({ step }) => step), [1]);
});

test("cancelAll() cancels all generations, and close() fails them and ends the streams", async () => {
  const { live, played, idle } = open(2);
  const events = Array.fromAsync(live.hub.open({}, 0));
  live.cancelAll();
  assertEquals(played.map(({ cancels }) => cancels()), [1, 1]);
  live.beginOutput({ ...output(105), counters: { ...NO_COUNTERS, running: 2, usedBlocks: 4, steps: 7 } });
  live.endOutput([]);
  live.close(new UpbeatError("ENGINE_FAILED", "the thread died"));
  for (const { generation } of played) await assertRejects(() => generation.result, UpbeatError, "the thread died");
  assertEquals([live.size, live.queued, idle()], [0, 0, 1]);
  const { running, usedBlocks, steps } = live.counters;
  assertEquals([running, usedBlocks, steps], [0, 0, 7]);
  assertEquals((await events).map(({ type }) => type), [
    ...["ERROR_NONTRANSIENT", "FAIL"],
    ...["ERROR_NONTRANSIENT", "FAIL"],
  ]);
});

test("releaseEvents() waits for the watermark, and for a pending cancel", () => {
  const { live, played } = open(2);
  using stream = live.hub.open({}, 0);
  live.beginOutput({ ...output(110), watermark: 104 });
  begin(live, 1, 103);
  live.request(1)?.onToken(6, 108, live.emittedAt, null, null);
  live.endOutput([]);
  assertEquals(stream.buffered, 2);
  played[1]!.time = 106;
  played[1]!.generation.cancel();
  live.beginOutput({ ...output(112), watermark: 112 });
  live.endOutput([]);
  assertEquals(stream.buffered, 2);
  live.beginOutput({ ...output(113), watermark: 113 });
  live.request(2)?.onFinish(112, { reason: "cancelled", stopReason: null, wastedSteps: 0 });
  live.endOutput([]);
  assertEquals(stream.buffered, 4);
});
