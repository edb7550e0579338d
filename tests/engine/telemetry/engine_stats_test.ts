import { assert, assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { LatencyHistogram } from "../../../engine/telemetry/latency_histogram.ts";
import { RequestTotals } from "../../../engine/telemetry/engine_stats.ts";
import { NO_TRACKING } from "../../../engine/config/tracking.ts";
import { type EngineStats, LATENCY_RELATIVE_ERROR, type LatencySummary, UpbeatError } from "../../../mod.ts";
import { ALL, chunk, context, evict, finish, play, playAll, token, UPON } from "../../support/played_generation.ts";
import { withRandomEngine } from "../../support/test_engine.ts";

const QUANTILES = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 };

/** Check a summary against the values themselves. */
function assertSummary(summary: LatencySummary, values: readonly number[]): void {
  const sorted = [...values].sort((a, b) => a - b);
  assertEquals([summary.count, summary.min, summary.max], [sorted.length, sorted[0]!, sorted.at(-1)!]);
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  assert(summary.p50! >= summary.min! && summary.p99! <= summary.max!, JSON.stringify(summary));
  assertAlmostEquals(summary.mean!, mean, 1e-9 * mean + 1e-12);
  for (const [name, q] of Object.entries(QUANTILES)) {
    const exact = sorted[Math.floor(q * (sorted.length - 1))]!;
    const estimate = summary[name as keyof typeof QUANTILES]!;
    // A little more for values that lie on the border of a bin.
    const error = LATENCY_RELATIVE_ERROR * (1 + 1e-9) * exact;
    assert(Math.abs(estimate - exact) <= error, `${name}: ${estimate} instead of ${exact}, of ${sorted.length}`);
  }
}

const NOTHING: LatencySummary = {
  count: 0,
  min: null,
  max: null,
  mean: null,
  p50: null,
  p90: null,
  p95: null,
  p99: null,
};

test("summary() is null, not 0 or NaN, where nothing was measured", () => {
  assertEquals(new LatencyHistogram().summary(), NOTHING);
});

test("summary() is within the relative error of exact quantiles, from a microsecond to a day", () => {
  // Whole microseconds, as many small ones as large ones.
  const time = fc.double({ min: 0, max: Math.log(86_400_000_000), noNaN: true }).map((log) =>
    Math.round(Math.exp(log)) / 1000
  );
  const values = fc.oneof(
    fc.array(fc.oneof(time, fc.constant(0)), { minLength: 1, maxLength: 400 }),
    fc.array(fc.integer({ min: 1000, max: 1100 }).map((ticks) => ticks / 1000), { minLength: 1, maxLength: 400 }),
  );
  fc.assert(
    fc.property(values, (values) => {
      const histogram = new LatencyHistogram();
      for (const value of values) histogram.record(value);
      assertSummary(histogram.summary(), values);
    }),
    { seed: 5, numRuns: 400 },
  );
});

test("latencies count from the arrival, and between tokens across an eviction, recorded or not", () => {
  for (const tracking of [ALL, NO_TRACKING]) {
    const totals = new RequestTotals();
    const played = play(tracking, {}, undefined, totals);
    played.play(chunk(102), context(103), token(104, UPON), token(106, UPON));
    // Known while it runs.
    assertSummary(totals.ttft.summary(), [4]);
    assertSummary(totals.interToken.summary(), [2]);
    played.play(evict(107), chunk(110), context(111), token(116, UPON), finish(117));
    assertSummary(totals.queue.summary(), [2]);
    assertSummary(totals.ttft.summary(), [4]);
    assertSummary(totals.interToken.summary(), [2, 10]);
    assertSummary(totals.endToEnd.summary(), [17]);
    assertEquals([totals.finished, totals.cancelled, totals.failed], [1, 0, 0]);
  }
});

test("a cancelled or failed request counts as such, without an end-to-end latency", () => {
  const totals = new RequestTotals();
  play(NO_TRACKING, {}, undefined, totals).play(chunk(102), context(103), token(104, UPON), finish(105, "cancelled"));
  play(NO_TRACKING, {}, undefined, totals).play(finish(101, "cancelled"));
  play(NO_TRACKING, {}, undefined, totals).generation.fail([new UpbeatError("PROMPT_INVALID", "it is bad")]);
  assertEquals([totals.finished, totals.cancelled, totals.failed], [0, 2, 1]);
  assertEquals([totals.queue, totals.ttft, totals.interToken, totals.endToEnd].map((h) => h.summary().count), [
    1,
    1,
    0,
    0,
  ]);
  playAll(NO_TRACKING);
});

/** What is about now, and not about what was done. */
function now({ running, waiting, paused, kvBlocks, events }: EngineStats): unknown {
  return { running, waiting, paused, used: kvBlocks.used, consumers: events.consumers };
}

const IDLE = { running: 0, waiting: 0, paused: 0, used: 0, consumers: 0 };

test("stats() of an engine that has done nothing", async () => {
  await withRandomEngine({}, { kvBlocks: 20 }, async (engine) => {
    assertEquals(engine.stats(), {
      running: 0,
      waiting: 0,
      paused: 0,
      finished: 0,
      cancelled: 0,
      failed: 0,
      kvBlocks: { used: 0, cached: 0, total: 20 },
      prefixCache: { queriedTokens: 0, hitTokens: 0, hitRate: null },
      preemptions: { pauses: 0, evictions: 0 },
      steps: 0,
      wastedSteps: 0,
      stepMs: 0,
      deviceWaitMs: 0,
      events: { consumers: 0, dropped: 0 },
      latency: { ttftMs: NOTHING, interTokenMs: NOTHING, queueMs: NOTHING, e2eMs: NOTHING },
    });
    await Promise.resolve();
  });
});

test("stats() counts pauses and evictions of a small pool, and is back to zero when the engine is idle", async () => {
  // With each step's report, as what a loop reads meanwhile depends on when it gets its turn.
  let look = () => {};
  const onStep = () => look();
  const options = { threads: 1, kvBlocks: 14, blockSize: 4, trackGeneratedTokenEvents: true, onStep };
  await withRandomEngine({}, options, async (engine) => {
    // Half of the prompts begin alike.
    const requests = Array.from({ length: 14 }, (_, index) => ({
      prompt: Array.from(
        { length: 9 + index },
        (_, position) => 3 + ((position * 11 + (index % 2) * index * 29) % 300),
      ),
      options: { maxTokens: 8 + ((index * 5) % 24), ignoreEos: true, temperature: 0 },
    }));
    const generations = requests.map(({ prompt, options }) => engine.generate(prompt, options));
    assertEquals(now(engine.stats()), { ...IDLE, waiting: 14 });
    const looks: { live: number; stats: EngineStats }[] = [];
    look = () => looks.push({ live: generations.filter(({ isOver }) => !isOver).length, stats: engine.stats() });
    const results = await Promise.all(generations.map(({ result }) => result));
    const seen = { running: 0, waiting: 0, paused: 0, used: 0, cached: 0 };
    for (const { live, stats: { running, waiting, paused, kvBlocks } } of looks) {
      assertEquals(running + waiting + paused, live);
      assert(kvBlocks.used + kvBlocks.cached <= kvBlocks.total && kvBlocks.total === 14);
      const values = { running, waiting, paused, used: kvBlocks.used, cached: kvBlocks.cached };
      for (const name of Object.keys(seen) as (keyof typeof seen)[]) seen[name] = Math.max(seen[name], values[name]);
    }
    for (const [name, value] of Object.entries(seen)) assertGreater(value, 0, name);

    const stats = engine.stats();
    assertEquals(now(stats), IDLE);
    assertEquals([stats.finished, stats.cancelled, stats.failed, stats.wastedSteps], [14, 0, 0, 0]);
    const events = results.flatMap(({ record }) => record.merge().events);
    const evictions = events.filter(({ type }) => type === "EVICT").length;
    assertEquals(stats.preemptions.evictions, evictions);
    assert(evictions > 0 && stats.preemptions.pauses > 0, JSON.stringify(stats.preemptions));
    const { queriedTokens, hitTokens, hitRate } = stats.prefixCache;
    assertEquals(queriedTokens, requests.reduce((sum, { prompt }) => sum + prompt.length, 0));
    assertEquals(hitTokens, results.reduce((sum, { metrics }) => sum + metrics.cachedTokens!, 0));
    assertGreater(hitTokens, 0);
    assertEquals(hitRate, hitTokens / queriedTokens);
    const longest = Math.max(...events.map((event) => event.type === "GENERATED_TOKEN" ? event.payload.step! : 0));
    assertEquals(stats.steps, longest);
    assert(stats.stepMs >= stats.deviceWaitMs && stats.deviceWaitMs >= 0);

    const { latency } = stats;
    const all = results.map(({ metrics }) => metrics);
    assertSummary(latency.ttftMs, all.map(({ ttftMs }) => ttftMs!));
    assertSummary(latency.queueMs, all.map(({ queueMs }) => queueMs!));
    assertSummary(latency.e2eMs, all.map(({ e2eMs }) => e2eMs));
    assertSummary(latency.interTokenMs, all.flatMap(({ itlMs }) => itlMs!));
    assertEquals(JSON.parse(JSON.stringify(stats)), stats);
  });
});

test("stats() counts cancelled and rejected requests, and is back to zero after cancels and after dispose()", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const options = { maxTokens: 1500, ignoreEos: true };
    const generations = [1, 2, 3].map((token) => engine.generate([token], options));
    for await (const { type } of generations[0]!) if (type === "GENERATED_TOKEN") break;
    for (const generation of generations) generation.cancel();
    await Promise.all(generations.map(({ result }) => result));
    await engine.generate([-1]).result.catch(() => {});
    assertEquals(now(engine.stats()), IDLE);
    const { finished, cancelled, failed, latency } = engine.stats();
    assertEquals([finished, cancelled, failed, latency.e2eMs.count], [0, 3, 1, 0]);
    // Full blocks of a prompt that is over are kept.
    await engine.generate(new Array(40).fill(7), { maxTokens: 1, ignoreEos: true }).result;
    assertGreater(engine.stats().kvBlocks.cached, 0);
    engine.generate([1], options);
    await engine.dispose();
    assertEquals(now(engine.stats()), IDLE);
    assertEquals([engine.stats().cancelled, engine.stats().kvBlocks.cached], [4, 0]);
  });
});
