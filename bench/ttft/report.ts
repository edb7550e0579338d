/**
 * The stored report, and its figures as text.
 *
 * @module
 */
import type { Comparison, Quartiles } from "../events/rounds.ts";
import { type Bar, barsOf, type Scenarios } from "./bars.ts";
import { type BenchDevice, MODES } from "./devices.ts";
import type { ModeFigures, Percentiles, ScenarioFigures } from "./figures.ts";

/** Width of a column, in characters. */
const WIDTH = 27;

/** The results of a run of the benchmark, as stored. */
export interface TtftReport {
  readonly date: string;
  readonly runtime: string;
  readonly processor: string;
  readonly cores: number;
  readonly rounds: number;
  /** Rounds with step reports, in separate engines. */
  readonly observedRounds: number;
  readonly devices: readonly DeviceReport[];
}

/** The results of one device. */
export interface DeviceReport {
  readonly name: BenchDevice["name"];
  readonly title: string;
  readonly scenarios: Scenarios;
  readonly bars: readonly Bar[];
}

/** The results of a device with its targets. */
export function deviceReport({ name, title }: BenchDevice, scenarios: Scenarios): DeviceReport {
  return { name, title, scenarios, bars: barsOf(name, scenarios) };
}

/**
 * Prints a device's figures.
 *
 * @param report The figures.
 */
export function printDevice({ title, scenarios, bars }: DeviceReport): void {
  console.log(`\n== ${title}`);
  for (const scenario of Object.values(scenarios)) printScenario(scenario);
  console.log("");
  for (const { what, figure, isMet } of bars) console.log(`  ${isMet ? "met    " : "NOT MET"}  ${what}: ${figure}`);
}

function printScenario({ title, modes, earlyGainMs, earlyLagGainMs }: ScenarioFigures): void {
  console.log(`\n${title}`);
  const [, ...others] = MODES;
  console.log(`  ${"".padEnd(38)}${MODES.map((mode) => mode.title.padStart(WIDTH)).join("")}`);
  const line = (name: string, show: (figures: ModeFigures) => string) => {
    console.log(`  ${name.padEnd(38)}${MODES.map((mode) => show(modes[mode.name]).padStart(WIDTH)).join("")}`);
  };
  line("TTFT, ms: p50 / p95 / p99", ({ ttftMs }) => percentiles(ttftMs, 2));
  line("  until on the host", ({ knownMs }) => percentiles(knownMs, 2));
  line("  from there until sent, us", ({ emissionLagUs }) => percentiles(emissionLagUs, 0));
  line("  from there to the caller's loop, us", ({ deliveryLagUs }) => percentiles(deliveryLagUs, 0));
  line("time per output token, ms", ({ tpotMs }) => percentiles(tpotMs, 2));
  line("inter-token time, ms", ({ interTokenMs }) => percentiles(interTokenMs, 2));
  line("tokens/s", ({ tokensPerSecond }) => spread(tokensPerSecond, 0));
  line("device idle per step, us", ({ deviceIdleUs }) => spread(deviceIdleUs, 0));
  line("host time per step, us", ({ hostUs }) => spread(hostUs, 0));
  line("  without the device's functions", ({ ownHostUs }) => spread(ownHostUs, 0));
  line("wasted steps", ({ wastedSteps }) => String(wastedSteps));
  const relative = (name: string, of: (figures: ModeFigures) => Comparison | null) => {
    const shown = others.map((mode) => comparison(of(modes[mode.name])).padStart(WIDTH)).join("");
    console.log(`  ${name.padEnd(38)}${"1".padStart(WIDTH)}${shown}`);
  };
  relative("TTFT, relative to plain", ({ toPlain }) => toPlain.ttft);
  relative("time per output token, relative", ({ toPlain }) => toPlain.tpot);
  relative("inter-token p99, relative", ({ toPlain }) => toPlain.interTokenP99);
  relative("tokens/s, relative to plain", ({ toPlain }) => toPlain.tokensPerSecond);
  const milliseconds = (figure: Comparison) => `${spread(figure, 2)} ms`;
  console.log(
    `  early emission brings the first token forward by ${milliseconds(earlyGainMs)}; measured from the host, by ${
      milliseconds(earlyLagGainMs)
    }`,
  );
}

function percentiles(figure: Percentiles | null, digits: number): string {
  if (figure === null) return "-";
  return [figure.p50, figure.p95, figure.p99].map((value) => value.toFixed(digits)).join(" / ");
}

function spread(figure: Quartiles | null, digits: number): string {
  if (figure === null) return "-";
  return `${figure.median.toFixed(digits)} [${figure.p25.toFixed(digits)} to ${figure.p75.toFixed(digits)}]`;
}

function comparison(figure: Comparison | null): string {
  return spread(figure, 3);
}
