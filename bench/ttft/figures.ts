/**
 * What rounds come to: figures of each mode, and what they are relative to the plain loop in the same round.
 *
 * @module
 */
import { type Comparison, comparison, paired, type Quartiles, quartiles } from "../events/rounds.ts";
import type { Served } from "./caller.ts";
import { type MeasuredRounds, type MeasuredRun, type ObservedSteps, type PerMode, perMode } from "./rounds.ts";

/** Percentiles of single requests, tokens or steps. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Figures of one mode in one scenario. */
export interface ModeFigures {
  readonly requests: number;
  readonly tokens: number;
  /** Milliseconds from the call of `generate()` to the first token in the caller's loop. */
  readonly ttftMs: Percentiles;
  /** Milliseconds to when the executor knew it: `metrics.ttftMs`. */
  readonly knownMs: Percentiles;
  /** Microseconds from when the executor knew it to when it handed it over: `metrics.emissionLagMs`. */
  readonly emissionLagUs: Percentiles;
  /** Microseconds from when the executor knew it to when it was in the caller's loop. */
  readonly deliveryLagUs: Percentiles;
  /** Milliseconds per token after the first, of each request; null where no request has two tokens. */
  readonly tpotMs: Percentiles | null;
  /** Milliseconds between two tokens of a request in its caller's loop. */
  readonly interTokenMs: Percentiles | null;
  /** Of all requests of a run, and from run to run. */
  readonly tokensPerSecond: Quartiles;
  /** Rows computed whose token nobody saw, in all runs. */
  readonly wastedSteps: number;
  /** Microseconds per step for which the device had nothing to do, by its own events; null: not measured. */
  readonly deviceIdleUs: Quartiles | null;
  /** Microseconds per iteration of the loop, waiting left out. */
  readonly hostUs: Quartiles | null;
  /** The same without the time in a scripted device's functions. */
  readonly ownHostUs: Quartiles | null;
  /** Of the steady part of each run, by the scripted device's own account. */
  readonly steadyIdle: { readonly gaps: number; readonly idleUs: Quartiles; readonly steps: number } | null;
  /** Relative to the plain loop, round by round. */
  readonly toPlain: ToPlain;
}

/** Ratios to the plain loop in the same round, and how much sooner the first token is there. */
export interface ToPlain {
  readonly ttft: Comparison;
  readonly tpot: Comparison | null;
  readonly interTokenP99: Comparison | null;
  readonly tokensPerSecond: Comparison;
}

/** Figures of one scenario. */
export interface ScenarioFigures {
  readonly title: string;
  readonly modes: PerMode<ModeFigures>;
  /** By how many milliseconds early emission brings the first token forward, round by round. */
  readonly earlyGainMs: Comparison;
  /** The same, counted from when the token was known: until then both ways do the same. */
  readonly earlyLagGainMs: Comparison;
  /** Microseconds to process a step with first tokens, in the overlap loop without early emission. */
  readonly firstTokenProcessingUs: Quartiles | null;
}

/**
 * Reckon the figures of a scenario.
 *
 * @param title The scenario's.
 * @param measured Its rounds.
 * @param observed Its steps.
 * @returns The figures.
 */
export function scenarioFigures(
  title: string,
  { runs, ttft }: MeasuredRounds,
  observed: PerMode<ObservedSteps>,
): ScenarioFigures {
  const plain = runs.plain;
  const modes = perMode((mode): ModeFigures => {
    const own = runs[mode];
    const served = own.flatMap((run) => run.served);
    const ratios = (of: (run: MeasuredRun) => number | null): Comparison | null => {
      const pairs = paired(own.map((run) => of(run) ?? NaN), plain.map((run) => of(run) ?? NaN), (a, b) => a / b);
      const known = pairs.filter(Number.isFinite);
      return known.length === 0 ? null : comparison(known);
    };
    const { idle, host, own: ownHost } = observed[mode];
    return {
      requests: served.length,
      tokens: own.reduce((sum, { tokens }) => sum + tokens, 0),
      ttftMs: percentiles(ttft[mode])!,
      knownMs: percentiles(served.map(({ known }) => known))!,
      emissionLagUs: percentiles(served.map(({ emissionLag }) => emissionLag * 1000))!,
      deliveryLagUs: percentiles(served.map(deliveryLag))!,
      tpotMs: percentiles(served.flatMap(timePerToken)),
      interTokenMs: percentiles(served.flatMap(gaps)),
      tokensPerSecond: quartiles(own.map(throughput)),
      wastedSteps: served.reduce((sum, { wastedSteps }) => sum + wastedSteps, 0),
      deviceIdleUs: maybe(idle),
      hostUs: maybe(host),
      ownHostUs: maybe(ownHost),
      steadyIdle: steadyIdle(own),
      toPlain: {
        ttft: ratios(medianTtft)!,
        tpot: ratios((run) => percentiles(run.served.flatMap(timePerToken))?.p50 ?? null),
        interTokenP99: ratios((run) => percentiles(run.served.flatMap(gaps))?.p99 ?? null),
        tokensPerSecond: ratios(throughput)!,
      },
    };
  });
  const gain = (of: (run: MeasuredRun) => number): Comparison => {
    return comparison(paired(runs.overlap.map(of), runs.early.map(of), (a, b) => a - b));
  };
  return {
    title,
    modes,
    earlyGainMs: gain(medianTtft),
    earlyLagGainMs: gain(({ served }) => quartiles(served.map(deliveryLag)).median / 1000),
    firstTokenProcessingUs: maybe(observed.overlap.firstTokenProcessing),
  };
}

/** Milliseconds from the call to the first token in the caller's loop. */
function ttftOf({ start, tokenTimes }: Served): number {
  return tokenTimes[0]! - start;
}

/** Microseconds from when the first token was known to when it is in the caller's loop. */
function deliveryLag(served: Served): number {
  return Math.max(0, ttftOf(served) - served.known) * 1000;
}

function medianTtft({ served }: MeasuredRun): number {
  return quartiles(served.map(ttftOf)).median;
}

function throughput({ tokens, duration }: MeasuredRun): number {
  return (tokens / duration) * 1000;
}

function timePerToken({ tokenTimes }: Served): number[] {
  const count = tokenTimes.length - 1;
  return count < 1 ? [] : [(tokenTimes.at(-1)! - tokenTimes[0]!) / count];
}

function gaps({ tokenTimes }: Served): number[] {
  return tokenTimes.slice(1).map((time, index) => time - tokenTimes[index]!);
}

function percentiles(values: readonly number[]): Percentiles | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function maybe(values: readonly number[]): Quartiles | null {
  return values.length === 0 ? null : quartiles(values);
}

function steadyIdle(runs: readonly MeasuredRun[]): ModeFigures["steadyIdle"] {
  const idles = runs.flatMap((run) => run.steadyIdle ?? []);
  if (idles.length === 0) return null;
  return {
    gaps: idles.reduce((sum, { gaps }) => sum + gaps, 0),
    idleUs: quartiles(idles.map(({ idle, steps }) => idle / Math.max(1, steps))),
    steps: idles.reduce((sum, { steps }) => sum + steps, 0),
  };
}
