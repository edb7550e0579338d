import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { test } from "node:test";
import { clockOrigin, clockOriginForThread, createClock } from "../../../engine/telemetry/clock.ts";
import { MetricsAccumulator, type RequestMetrics } from "../../../engine/telemetry/request_metrics.ts";
import { RequestTotals } from "../../../engine/telemetry/engine_stats.ts";

const NOTHING: RequestMetrics = {
  tokenizeMs: null,
  queueMs: null,
  prefillMs: null,
  ttftMs: null,
  decodeMs: null,
  tpotMs: null,
  itlMs: null,
  e2eMs: null,
  cachedTokens: null,
  preemptions: 0,
  wastedSteps: null,
  emissionLagMs: null,
};

/** Arrival at 100, first chunk at 103.5, tokens from 110 on, 2 ms apart. */
function measured(tokens: number): { metrics: MetricsAccumulator; times: number[] } {
  const metrics = new MetricsAccumulator(100, 1.25, new RequestTotals());
  metrics.chunk(103.5, 16);
  metrics.chunk(105, 0);
  const times = Array.from({ length: tokens }, (_, index) => 110 + 2 * index);
  for (const time of times) metrics.token(time, time + 0.5);
  return { metrics, times };
}

test("metrics() is null, not 0 or NaN, where undefined", () => {
  assertEquals(new MetricsAccumulator(100, null, new RequestTotals()).metrics([]), NOTHING);
  const { metrics } = measured(0);
  metrics.over(120, 2, "finished");
  const admitted = { ...NOTHING, tokenizeMs: 1.25, queueMs: 3.5, cachedTokens: 16, e2eMs: 20, wastedSteps: 2 };
  assertEquals(metrics.metrics([]), admitted);
});

test("metrics() has no times between tokens with one token", () => {
  const { metrics, times } = measured(1);
  const { ttftMs, prefillMs, decodeMs, tpotMs, itlMs, emissionLagMs } = metrics.metrics(times);
  assertEquals([ttftMs, prefillMs, emissionLagMs], [10, 6.5, 0.5]);
  assertEquals([decodeMs, tpotMs, itlMs], [null, null, null]);
});

test("metrics() has all times with several tokens", () => {
  const { metrics, times } = measured(4);
  metrics.over(117, 0, "finished");
  assertEquals(metrics.metrics(times), {
    tokenizeMs: 1.25,
    queueMs: 3.5,
    prefillMs: 6.5,
    ttftMs: 10,
    decodeMs: 6,
    tpotMs: 2,
    itlMs: [2, 2, 2],
    e2eMs: 17,
    cachedTokens: 16,
    preemptions: 0,
    wastedSteps: 0,
    emissionLagMs: 0.5,
  });
  assertEquals(metrics.metrics(null), { ...metrics.metrics(times), itlMs: null });
});

test("metrics() counts from the original arrival and the first admission when a request is evicted", () => {
  const { metrics } = measured(1);
  metrics.evicted();
  metrics.chunk(130, 64);
  metrics.token(140, 140);
  const { queueMs, ttftMs, cachedTokens, preemptions, decodeMs } = metrics.metrics(null);
  assertEquals([queueMs, ttftMs, cachedTokens, preemptions, decodeMs], [3.5, 10, 16, 1, 30]);
});

test("metrics() are rounded to microseconds", () => {
  const metrics = new MetricsAccumulator(0.1, null, new RequestTotals());
  metrics.token(0.3, 0.4);
  assertEquals([metrics.metrics(null).ttftMs, metrics.metrics(null).emissionLagMs], [0.2, 0.1]);
});

test("createClock() never steps back when the wall clock does", () => {
  const now = Date.now;
  const origin = clockOrigin();
  const clock = createClock(origin);
  let last = clock();
  try {
    for (let step = 1; step <= 20; step++) {
      // An hour back each time, as a correction of the time would do.
      Date.now = () => now() - step * 3_600_000;
      const time = clock();
      assert(time >= last && time < last + 60_000, `${time} after ${last}`);
      last = time;
    }
    assert(createClock(origin)() >= last);
  } finally {
    Date.now = now;
  }
});

test("clockOriginForThread() moves the origin by as much as the wall clock was set", () => {
  const now = Date.now;
  const origin = clockOrigin();
  assertEquals(clockOriginForThread(origin), origin);
  try {
    for (const step of [-3_600_000, 3_600_000]) {
      Date.now = () => now() + step;
      assertAlmostEquals(clockOriginForThread(origin), origin + step, 5);
    }
  } finally {
    Date.now = now;
  }
});

test("createClock() counts whole microseconds", () => {
  const clock = createClock(clockOrigin());
  for (let index = 0; index < 1000; index++) {
    const time = clock();
    assertEquals(Math.round(time * 1000) / 1000, time);
  }
});
