import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { test } from "node:test";
import { Engine, type StepReport, UpbeatError } from "../../../mod.ts";
import { resolveEngineOptions } from "../../../engine/config/resolved_options.ts";
import { ScriptedExecutor, submit } from "../../support/scripted/scripted_executor.ts";
import { withRandomEngine } from "../../support/test_engine.ts";

/** The counts of a report, which do not depend on the clock. */
function counts(report: StepReport) {
  const { step, requests, prefillRequests, prefillTokens, decodeTokens, sampledTokens } = report;
  const { usedBlocks, cachedBlocks, runningRequests, pausedRequests, waitingRequests } = report;
  const batch = { step, requests, prefillRequests, prefillTokens, decodeTokens, sampledTokens };
  return { ...batch, usedBlocks, cachedBlocks, runningRequests, pausedRequests, waitingRequests };
}

/** The times of a report in their required order. */
function times(report: StepReport): number[] {
  const { start, forwardLaunched, sampling, launched, waiting, resultsAt, firstTokensSent, processing, end } = report;
  return [start, forwardLaunched, sampling, launched, waiting, resultsAt, firstTokensSent, processing, end];
}

function isRising(values: readonly number[]): boolean {
  return values.every((value, index) => index === 0 || value >= values[index - 1]!);
}

test("run() reports what each step computed and the state at its launch", () => {
  // A prompt of 20 in steps of 16, beside one of 3; blocks of 4.
  const script = [submit(1, 20, 3), submit(2, 3, 2)].map((message) => ({ step: 0, message }));
  const executor = new ScriptedExecutor(script, { trackSteps: true });
  executor.run();
  const state = { cachedBlocks: 0, pausedRequests: 0, waitingRequests: 0 };
  assertEquals(executor.reports.map(counts), [
    // The long prompt leaves part of the step to the short one.
    {
      step: 1,
      requests: 2,
      prefillRequests: 2,
      prefillTokens: 16,
      decodeTokens: 0,
      sampledTokens: 1,
      usedBlocks: 7,
      runningRequests: 2,
      ...state,
    },
    {
      step: 2,
      requests: 2,
      prefillRequests: 1,
      prefillTokens: 7,
      decodeTokens: 1,
      sampledTokens: 2,
      usedBlocks: 7,
      runningRequests: 2,
      ...state,
    },
    {
      step: 3,
      requests: 1,
      prefillRequests: 0,
      prefillTokens: 0,
      decodeTokens: 1,
      sampledTokens: 1,
      usedBlocks: 6,
      runningRequests: 1,
      ...state,
    },
    {
      step: 4,
      requests: 1,
      prefillRequests: 0,
      prefillTokens: 0,
      decodeTokens: 1,
      sampledTokens: 1,
      usedBlocks: 6,
      runningRequests: 1,
      ...state,
    },
  ]);
});

test("run() stamps the phases of a step in order, at the times of its requests' events", () => {
  const script = [submit(1, 20, 3), submit(2, 3, 2)].map((message) => ({ step: 0, message }));
  const executor = new ScriptedExecutor(script, { trackSteps: true });
  executor.run();
  const all = executor.reports.flatMap(times);
  assert(isRising(all), all.join());
  const timesOf = (type: string) =>
    executor.events(1).filter((event) => event.type === type).map(({ timestamp }) => timestamp);
  assertEquals(timesOf("PREFILL_CHUNK"), executor.reports.slice(0, 2).map(({ start }) => start));
  assertEquals(timesOf("GENERATED_TOKEN"), executor.reports.slice(1).map(({ resultsAt }) => resultsAt));
});

test("run() reports paused and waiting requests when the pool is too small", () => {
  const script = Array.from({ length: 6 }, (_, index) => ({ step: 0, message: submit(index + 1, 9, 12) }));
  const executor = new ScriptedExecutor(script, { trackSteps: true, blocks: 10, maxBatchRequests: 4 });
  executor.run();
  const { reports, runner, counters } = executor;
  assert(reports.some(({ pausedRequests }) => pausedRequests > 0));
  assert(reports.some(({ waitingRequests }) => waitingRequests > 0));
  assertEquals(reports.map(({ step }) => step), runner.steps.map((_, index) => index + 1));
  for (const [index, step] of runner.steps.entries()) {
    const report = reports[index]!;
    assertEquals([report.requests, report.prefillTokens + report.decodeTokens], [step.scheduled.length, step.tokens]);
    assert(report.usedBlocks <= 10 && report.runningRequests + report.pausedRequests <= 4);
  }
  assertGreater(counters.evictions, 0);
});

test("run() reports nothing when steps are not tracked", () => {
  const executor = new ScriptedExecutor([{ step: 0, message: submit(1, 20, 3) }]);
  executor.run();
  assertEquals(executor.reports, []);
});

test("onStep is called once per step, before its requests' results, with the KV usage of their tokens", async () => {
  const reports: StepReport[] = [];
  const options = { threads: 1, kvBlocks: 14, blockSize: 4, trackGeneratedTokenEvents: true };
  await withRandomEngine({}, { ...options, onStep: (report) => reports.push(report) }, async (engine) => {
    const generations = Array.from({ length: 8 }, (_, index) => {
      const prompt = Array.from(
        { length: 3 + ((index * 7) % 20) },
        (_, position) => (position * 11 + index * 29) % 300,
      );
      return engine.generate(prompt, { maxTokens: 10 + ((index * 5) % 25), ignoreEos: true });
    });
    const results = await Promise.all(generations.map(async ({ result }) => {
      const { record, metrics } = await result;
      return { record, metrics, reported: reports.length };
    }));
    assertEquals(reports.map(({ step }) => step), reports.map((_, index) => index + 1));
    assertEquals(engine.stats().steps, reports.length);
    for (const report of reports) assert(isRising(times(report)), JSON.stringify(report));
    for (const name of ["start", "launched", "resultsAt", "end"] as const) {
      assert(isRising(reports.map((report) => report[name])), name);
    }
    const onDevice = reports.flatMap((
      { device },
    ) => [device!.begin, device!.forwardEnd, device!.samplingBegin, device!.end]);
    // The device's clock is aligned again after the loop was idle, to within some microseconds.
    assert(isRising(onDevice.map((time, index) => time + index)), onDevice.join());
    let tokens = 0;
    for (const { record, reported } of results) {
      for (const { type, timestamp, payload } of record.merge().events) {
        if (type !== "GENERATED_TOKEN") continue;
        tokens++;
        assert(payload.step! <= reported);
        const { resultsAt, usedBlocks, cachedBlocks } = reports[payload.step! - 1]!;
        assertEquals([usedBlocks, usedBlocks + cachedBlocks], [payload.blocksActive, payload.blocksAllocated]);
        assert(timestamp >= resultsAt);
      }
    }
    assertEquals(reports.reduce((sum, { sampledTokens }) => sum + sampledTokens, 0), tokens);
    assertGreater(Math.max(...results.map(({ metrics }) => metrics.preemptions)), 0);
    assertEquals(reports.at(-1)!.requests, 1);
  });
});

test("requests submitted together are scheduled together", async () => {
  const reports: StepReport[] = [];
  await withRandomEngine({}, { onStep: (report) => reports.push(report) }, async (engine) => {
    const options = { maxTokens: 3, ignoreEos: true };
    const together = Array.from({ length: 5 }, (_, index) => engine.generate([index + 1, 2], options));
    await Promise.all(together.map(({ result }) => result));
  });
  assertEquals(reports.map(({ requests }) => requests), [5, 5, 5]);
});

test("resolveEngineOptions() sets trackSteps when onStep is given", () => {
  assertEquals(resolveEngineOptions({}).trackSteps, false);
  assertEquals(resolveEngineOptions({ onStep: () => {} }).trackSteps, true);
});

test("Engine.load() rejects an onStep that is not a function", async () => {
  const onStep = "each" as unknown as (report: StepReport) => void;
  await assertRejects(() => Engine.load("nowhere", { onStep }), UpbeatError, "onStep must be a function");
});
