/**
 * Targets that the loop must meet, next to the measured figures.
 *
 * @module
 */
import type { BenchDevice, ModeName } from "./devices.ts";
import type { Comparison } from "../events/rounds.ts";
import type { ScenarioFigures, ToPlain } from "./figures.ts";
import type { ScenarioName } from "./scenarios.ts";
import { GPU_TIMINGS } from "./scripted_gpu.ts";

/** One target. */
export interface Bar {
  /** The target in words. */
  readonly what: string;
  /** The measured figure, formatted. */
  readonly figure: string;
  readonly isMet: boolean;
}

/** Figures of the scenarios that ran. */
export type Scenarios = Partial<Readonly<Record<ScenarioName, ScenarioFigures>>>;

/** Maximum median host time per step, in microseconds, by scenario. */
const HOST_TIME = { decode1: 30, decode32: 150 } as const;

/** Maximum microseconds from the first token's arrival on the host until it is sent, or in the caller's loop. */
const LAG = { p50: 60, p99: 500 } as const;

/** Scenarios in which requests arrive. */
const WITH_FIRST_TOKENS: readonly ScenarioName[] = ["single", "burst", "arrivals", "prefills"];

const OVERLAPPING: readonly ModeName[] = ["atOnce", "overlap", "early"];

/**
 * Compares the figures of a device with its targets.
 *
 * @param device The device.
 * @param scenarios Its figures.
 * @returns Every target, met or not.
 */
export function barsOf(device: BenchDevice["name"], scenarios: Scenarios): Bar[] {
  const own = device === "scripted" ? scriptedBars(scenarios) : [];
  return [...own, ...ttftBars(device, scenarios), ...throughputBars(scenarios)];
}

function scriptedBars(scenarios: Scenarios): Bar[] {
  const bars: Bar[] = [];
  for (const name of ["decode1", "decode32"] as const) {
    const own = scenarios[name]?.modes.early.ownHostUs;
    if (own === null || own === undefined) continue;
    bars.push({
      what: `${titleOf(scenarios, name)}: host time per step at most ${HOST_TIME[name]} us (median)`,
      figure: `${own.median.toFixed(0)} us (${own.p25.toFixed(0)} to ${own.p75.toFixed(0)})`,
      isMet: own.median <= HOST_TIME[name],
    });
  }
  for (const mode of OVERLAPPING) {
    const idle = scenarios.decode32?.modes[mode].steadyIdle;
    if (idle === null || idle === undefined) continue;
    bars.push({
      what: `${titleOf(scenarios, "decode32")}, ${mode}: the device is never idle (median run)`,
      figure: `${idle.idleUs.median.toFixed(1)} us per step; ${idle.gaps} gaps in ${idle.steps} steps`,
      isMet: idle.idleUs.median === 0,
    });
  }
  for (const name of WITH_FIRST_TOKENS) {
    const scenario = scenarios[name];
    if (scenario === undefined) continue;
    const { emissionLagUs, deliveryLagUs } = scenario.modes.early;
    for (
      const [where, { p50, p99 }] of [["sent", emissionLagUs], ["in the caller's loop", deliveryLagUs]] as const
    ) {
      bars.push({
        what: `${scenario.title}: a first token on the host is ${where} after at most ${LAG.p50} us (p50), ` +
          `${LAG.p99} us (p99)`,
        figure: `${p50.toFixed(0)} us, ${p99.toFixed(0)} us`,
        isMet: p50 <= LAG.p50 && p99 <= LAG.p99,
      });
    }
    const { earlyLagGainMs, firstTokenProcessingUs } = scenario;
    const required = (GPU_TIMINGS.samplingDispatch + (firstTokenProcessingUs?.median ?? 0)) / 1000;
    // Measured from when the token reaches the host: earlier times are equal in both modes and only add noise.
    const [median, low, high] = [earlyLagGainMs.median, earlyLagGainMs.low, earlyLagGainMs.high]
      .map((milliseconds) => milliseconds.toFixed(2));
    bars.push({
      what: `${scenario.title}: early emission brings the first token forward by the sampling dispatch and the ` +
        `processing of other rows, ${required.toFixed(2)} ms`,
      figure: `${median} ms (${low} to ${high})`,
      isMet: earlyLagGainMs.median >= required,
    });
  }
  return bars;
}

/** Throughput must not be lower, within the confidence interval. */
function throughputBars(scenarios: Scenarios): Bar[] {
  return overlapping(scenarios, OVERLAPPING, "throughput not lower than plain", ({ tokensPerSecond }) => {
    return { ratio: tokensPerSecond, isMet: tokensPerSecond.high >= 1 };
  });
}

/**
 * TTFT must not be higher where overlap is the default. Without early emission, a first token waits for the dispatch of the
 * next step's sampling; when that step was launched at once, an arrival waits for all of it.
 */
function ttftBars(device: BenchDevice["name"], scenarios: Scenarios): Bar[] {
  return overlapping(
    scenarios,
    device === "scripted" ? ["early"] : [],
    "TTFT not higher than plain",
    ({ ttft }) => ({ ratio: ttft, isMet: ttft.low <= 1 }),
  );
}

function overlapping(
  scenarios: Scenarios,
  modes: readonly ModeName[],
  what: string,
  compare: (toPlain: ToPlain) => { ratio: Comparison; isMet: boolean },
): Bar[] {
  return Object.values(scenarios).flatMap(({ title, modes: figures }) =>
    modes.map((mode) => {
      const { ratio: { median, low, high }, isMet } = compare(figures[mode].toPlain);
      const figure = `${median.toFixed(3)} of plain (${low.toFixed(3)} to ${high.toFixed(3)})`;
      return { what: `${title}, ${mode}: ${what}`, figure, isMet };
    })
  );
}

function titleOf(scenarios: Scenarios, name: ScenarioName): string {
  return scenarios[name]!.title;
}
