import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MODES } from "../../bench/ttft/devices.ts";
import type { TtftReport } from "../../bench/ttft/report.ts";
import { SCENARIOS } from "../../bench/ttft/scenarios.ts";
import { stepFigures } from "../../bench/ttft/steps.ts";
import type { StepReport } from "../../mod.ts";
import { runBench } from "../support/run/run_bench.ts";
import { withTemporaryFolder } from "../support/temporary_folder.ts";

/** Runs the benchmark, which must succeed. */
function runBenchmark(args: readonly string[]): void {
  const { code, stdout, stderr } = runBench("ttft.ts", args);
  assertEquals(code, 0, `${stdout}\n${stderr}`);
}

/** Every number in a value, with its path. */
function numbersOf(value: unknown, path = ""): [string, unknown][] {
  if (value === null || typeof value === "string" || typeof value === "boolean") return [];
  if (typeof value !== "object") return [[path, value]];
  return Object.entries(value!).flatMap(([name, part]) => numbersOf(part, `${path}.${name}`));
}

// Even at its smallest, the whole benchmark takes several seconds.
const LONG = { timeout: 300_000 };

test("the ttft benchmark measures every mode in every scenario on both devices and draws a chart", LONG, () => {
  withTemporaryFolder((folder) => {
    const [json, svg] = [join(folder, "ttft.json"), join(folder, "ttft.svg")];
    runBenchmark(["--tiny", "--rounds", "1", "--json", json, "--svg", svg]);
    const text = readFileSync(json, "utf8");
    const report = JSON.parse(text) as TtftReport;
    assertEquals(report.devices.map(({ name }) => name), ["cpu", "scripted"]);
    for (const { name: device, scenarios, bars } of report.devices) {
      assertEquals(Object.keys(scenarios), SCENARIOS.map(({ name }) => name));
      assertGreater(bars.length, 0);
      for (const scenario of Object.values(scenarios)) {
        assertEquals(Object.keys(scenario.modes), MODES.map(({ name }) => name));
        for (const { requests, tokens, deviceIdleUs, hostUs, ownHostUs, tpotMs } of Object.values(scenario.modes)) {
          assertGreater(requests, 0);
          assertGreater(tokens, requests);
          for (const figure of [deviceIdleUs, hostUs, ownHostUs, tpotMs]) assert(figure !== null, scenario.title);
        }
        assertEquals(scenario.modes.early.steadyIdle !== null, device === "scripted" && /steady/.test(scenario.title));
      }
    }
    // JSON writes NaN and infinities as null.
    for (const [path, value] of numbersOf(report)) assert(Number.isFinite(value), `${path} is ${value}`);
    assert(!/:\s*null/.test(text.replace(/"steadyIdle": null/g, "")), "a figure is missing");
    assert(existsSync(svg));
    assertStringIncludes(readFileSync(svg, "utf8"), "<svg");
  });
});

/** A step's report with times that matter here. */
function report(start: number, waiting: number, resultsAt: number, over: Partial<StepReport> = {}): StepReport {
  const device = { begin: 0, forwardEnd: 0, samplingBegin: 0, end: 0, idle: 0.25 };
  const times = { start, forwardLaunched: start, sampling: start, launched: start, waiting, resultsAt };
  const after = {
    firstTokensSent: resultsAt,
    processing: resultsAt,
    end: resultsAt,
    device,
    afterIdle: false,
    launchDelayMs: 0,
  };
  return {
    ...{ step: 1, requests: 1, prefillRequests: 0, prefillTokens: 0, decodeTokens: 1, sampledTokens: 1 },
    ...{ usedBlocks: 0, cachedBlocks: 0, runningRequests: 1, pausedRequests: 0, waitingRequests: 0 },
    ...times,
    ...after,
    ...over,
  };
}

test("stepFigures() excludes waits and the device's own functions from host time", () => {
  // Each step is waited for in the iteration that launches the next one, 2 of 10 milliseconds.
  const reports = [0, 10, 20, 30].map((start) => report(start, start + 13, start + 15));
  const { idle, host, own } = stepFigures(reports, [0, 1, 3, 6], null);
  assertEquals(idle, [250, 250, 250, 250]);
  assertEquals(host, [10_000, 8000, 8000]);
  assertEquals(own, [9000, 6000, 5000]);
});

test("stepFigures() excludes steps after idle time and, when only steady steps count, all others", () => {
  const reports = [
    report(0, 13, 15, { afterIdle: true }),
    report(10, 23, 25),
    report(20, 33, 35),
    report(30, 43, 45),
    report(40, 53, 55, { prefillTokens: 8 }),
    report(90, 93, 95, { afterIdle: true }),
  ];
  assertEquals(stepFigures(reports, null, null).host.length, 3);
  assertEquals(stepFigures(reports, null, 1).host, [8000, 8000]);
});
