/**
 * The figures of each mode, absolute and relative to the plain loop in the same round.
 *
 * @module
 */
import { type Comparison, comparison, paired, type Quartiles, quartiles } from "../events/rounds.ts";
import type { ServedRequest } from "./caller.ts";
import { type MeasuredRounds, type MeasuredRun, type ObservedSteps, type PerMode, perMode } from "./rounds.ts";

/** Percentiles over requests, tokens or steps. */
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
  /** Milliseconds until the first token reached the host: `metrics.ttftMs`. */
  readonly knownMs: Percentiles;
  /** Microseconds from then until it was sent: `metrics.emissionLagMs`. */
  readonly emissionLagUs: Percentiles;
  /** Microseconds from its arrival on the host until it was in the caller's loop. */
  readonly deliveryLagUs: Percentiles;
  /** Milliseconds per token after the first one, over requests; null if no request has two tokens. */
  readonly tpotMs: Percentiles | null;
  /** Milliseconds between two tokens of a request in its caller's loop; null as above. */
  readonly interTokenMs: Percentiles | null;
  /** Throughput of all requests of a run, over runs. */
  readonly tokensPerSecond: Quartiles;
  /** Computed rows whose token was discarded, in all runs. */
  readonly wastedSteps: number;
  /** Microseconds per step for which the device was idle, by its own events; null: not measured. */
  readonly deviceIdleUs: Quartiles | null;
  /** Microseconds per iteration of the loop, waits excluded. */
  readonly hostUs: Quartiles | null;
  /** As `hostUs`, without the time in a scripted device's functions. */
  readonly ownHostUs: Quartiles | null;
  /** The scripted device's idle time in the steady part of each run; null: not measured. */
  readonly steadyIdle: { readonly gaps: number; readonly idleUs: Quartiles; readonly steps: number } | null;
  /** Relative to the plain loop, round by round. */
  readonly toPlain: ToPlain;
}

/** Ratios to the plain loop in the same round. */
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
  /** Milliseconds by which early emission brings the first token forward, round by round. */
  readonly earlyGainMs: Comparison;
  /** As `earlyGainMs`, measured from the token's arrival on the host; earlier times are equal in both modes. */
  readonly earlyLagGainMs: Comparison;
  /** Microseconds to process a step with first tokens, in the overlap loop without early emission. */
  readonly firstTokenProcessingUs: Quartiles | null;
}

/**
 * Computes the figures of a scenario.
 *
 * @param title The scenario's title.
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
    const modeRuns = runs[mode];
    const served = modeRuns.flatMap((run) => run.served);
    const ratios = (of: (run: MeasuredRun) => number | null): Comparison | null => {
      const pairs = paired(modeRuns.map((run) => of(run) ?? NaN), plain.map((run) => of(run) ?? NaN), (a, b) => a / b);
      const finite = pairs.filter(Number.isFinite);
      return finite.length === 0 ? null : comparison(finite);
    };
    const { idle, host, own: ownHost } = observed[mode];
    return {
      requests: served.length,
      tokens: modeRuns.reduce((sum, { tokens }) => sum + tokens, 0),
      ttftMs: percentiles(ttft[mode])!,
      knownMs: percentiles(served.map(({ hostTtftMs }) => hostTtftMs))!,
      emissionLagUs: percentiles(served.map(({ emissionLagMs }) => emissionLagMs * 1000))!,
      deliveryLagUs: percentiles(served.map(deliveryLag))!,
      tpotMs: percentiles(served.flatMap(timePerToken)),
      interTokenMs: percentiles(served.flatMap(gaps)),
      tokensPerSecond: quartiles(modeRuns.map(throughput)),
      wastedSteps: served.reduce((sum, { wastedSteps }) => sum + wastedSteps, 0),
      deviceIdleUs: quartilesOrNull(idle),
      hostUs: quartilesOrNull(host),
      ownHostUs: quartilesOrNull(ownHost),
      steadyIdle: steadyIdle(modeRuns),
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
    firstTokenProcessingUs: quartilesOrNull(observed.overlap.firstTokenProcessing),
  };
}

/** Milliseconds from the call of `generate()` to the first token in the caller's loop. */
function ttftOf({ start, tokenTimes }: ServedRequest): number {
  return tokenTimes[0]! - start;
}

/** Microseconds from the first token's arrival on the host until it was in the caller's loop. */
function deliveryLag(served: ServedRequest): number {
  return Math.max(0, ttftOf(served) - served.hostTtftMs) * 1000;
}

function medianTtft({ served }: MeasuredRun): number {
  return quartiles(served.map(ttftOf)).median;
}

function throughput({ tokens, duration }: MeasuredRun): number {
  return (tokens / duration) * 1000;
}

function timePerToken({ tokenTimes }: ServedRequest): number[] {
  const count = tokenTimes.length - 1;
  return count < 1 ? [] : [(tokenTimes.at(-1)! - tokenTimes[0]!) / count];
}

function gaps({ tokenTimes }: ServedRequest): number[] {
  return tokenTimes.slice(1).map((time, index) => time - tokenTimes[index]!);
}

function percentiles(values: readonly number[]): Percentiles | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function quartilesOrNull(values: readonly number[]): Quartiles | null {
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
