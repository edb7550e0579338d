/**
 * Compares time to first token, throughput and host time of the plain loop, the overlap loop, and the overlap loop with early
 * first tokens, on the CPU library and on a scripted device with the timings of a GPU.
 *
 * `bun run bench -- ttft --help`, or `deno run -A bench/ttft.ts --help`. `--svg` draws the figures, `--timeline` a trace of
 * the plain loop and the overlap loop.
 *
 * Engines of all modes are in one process, and each round runs a scenario once in each of them, in rotating order; ratios are
 * taken within rounds. Times are measured by callers on their own thread. Device idle and host time come from step reports,
 * which cost the executor some microseconds, so they are measured in separate engines.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import type { StepReport } from "../mod.ts";
import { benchFlags } from "./flags.ts";
import type { Scenarios } from "./ttft/bars.ts";
import { type BenchDevice, cpuDevice, type ModeEngine, MODES, scriptedDevice } from "./ttft/devices.ts";
import { scenarioFigures } from "./ttft/figures.ts";
import { type DeviceReport, deviceReport, printDevice, type TtftReport } from "./ttft/report.ts";
import { measureRounds, type ObservedEngine, observeRounds } from "./ttft/rounds.ts";
import { SCENARIOS } from "./ttft/scenarios.ts";

const flags = benchFlags(
  "bun run bench -- ttft [--device cpu|scripted] [--scenario NAME] [--model FOLDER] [--rounds N] [--quick] [--json FILE] " +
    "[--svg FILE] [--timeline FILE]",
  ["device", "scenario", "model", "rounds", "json", "svg", "timeline"],
  ["quick", "tiny"],
);
const rounds = Number(flags.rounds ?? (flags.quick ? 5 : 30));
const observedRounds = Math.max(1, Math.round(rounds / 4));
const scenariosToRun = SCENARIOS.filter(({ name }) => flags.scenario === undefined || flags.scenario === name);
const warmUps = flags.tiny ? 1 : flags.quick ? 2 : 4;

async function dispose(engines: readonly ModeEngine[]): Promise<void> {
  for (const { engine } of engines) await engine.dispose();
}

async function measureDevice(device: BenchDevice): Promise<Scenarios> {
  const measured = new Map<string, Awaited<ReturnType<typeof measureRounds>>>();
  const engines = await Promise.all(MODES.map((mode) => device.load(mode)));
  for (const scenario of scenariosToRun) {
    process.stderr.write(`${device.name}: ${scenario.title} ...\n`);
    measured.set(scenario.name, await measureRounds(engines, device, scenario, rounds, warmUps));
  }
  await dispose(engines);

  const observing: ObservedEngine[] = [];
  for (const mode of MODES) {
    const reports: StepReport[] = [];
    observing.push({ ...await device.load(mode, (report) => reports.push(report)), reports });
  }
  const scenarios: Record<string, unknown> = {};
  for (const scenario of scenariosToRun) {
    process.stderr.write(`${device.name}: ${scenario.title}, step by step ...\n`);
    const observed = await observeRounds(observing, device, scenario, observedRounds, warmUps);
    scenarios[scenario.name] = scenarioFigures(scenario.title, measured.get(scenario.name)!, observed);
  }
  await dispose(observing);
  return scenarios as Scenarios;
}

const isTiny = flags.tiny === true;
if (scenariosToRun.length === 0) {
  console.error(`--scenario must be one of ${SCENARIOS.map(({ name }) => name).join(", ")}, is ${flags.scenario}`);
  process.exit(2);
}
if (flags.device !== undefined && flags.device !== "cpu" && flags.device !== "scripted") {
  console.error(`--device must be cpu or scripted, is ${flags.device}`);
  process.exit(2);
}
const makers = [
  { name: "cpu", make: () => cpuDevice(flags.model, isTiny) },
  { name: "scripted", make: () => scriptedDevice(isTiny) },
];
const devices: DeviceReport[] = [];
for (const { name, make } of makers) {
  if (flags.device !== undefined && flags.device !== name) continue;
  using device = make();
  const report = deviceReport(device, await measureDevice(device));
  printDevice(report);
  devices.push(report);
}

const report: TtftReport = {
  date: new Date().toISOString(),
  runtime: "Bun" in globalThis ? `bun ${process.versions["bun"]}` : `deno ${process.versions["deno"]}`,
  processor: cpus()[0]!.model,
  cores: cpus().length,
  rounds,
  observedRounds,
  devices,
};
console.log(`
${report.runtime}; ${report.processor}, ${report.cores} cores; ${rounds} rounds, ${observedRounds} step by step
ratios, times per step and tokens/s: medians [quartiles]; ratios are taken within rounds`);
if (flags.json !== undefined) writeFileSync(flags.json, JSON.stringify(report, null, 2) + "\n");
if (flags.svg !== undefined) {
  const { drawChart } = await import("./ttft/chart.ts");
  writeFileSync(flags.svg, drawChart(report));
}
if (flags.timeline !== undefined) {
  const { drawTimeline } = await import("./ttft/timeline.ts");
  writeFileSync(flags.timeline, await drawTimeline());
}
