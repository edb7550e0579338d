/**
 * One request that arrives while others decode, traced: what the executor, the device and the callers did, and when.
 *
 * @module
 */
import type { StepReport } from "../../mod.ts";
import { serve } from "./caller.ts";
import type { BenchDevice, Mode } from "./devices.ts";

/** What happened; times in milliseconds since the request arrived. */
export interface TracedRun {
  readonly mode: Mode;
  readonly reports: readonly StepReport[];
  /** When a token of a running request was in its caller's loop. */
  readonly tokens: readonly number[];
  /** The same for the request that arrived, its first token first. */
  readonly arrived: readonly number[];
}

/** Requests that decode when the other one arrives. */
const RUNNING = 4;

/** Tokens of the request that arrives. */
const TOKENS = 6;

/**
 * Run and trace it several times.
 *
 * @param device Where to run.
 * @param mode How.
 * @param attempts How often; of these, the one that was disturbed least counts.
 * @returns That run.
 */
export async function traceRun(device: BenchDevice, mode: Mode, attempts: number): Promise<TracedRun> {
  const reports: StepReport[] = [];
  const { engine } = await device.load(mode, (report) => reports.push(report));
  const clock = () => performance.timeOrigin + performance.now() - engine.timeOrigin;
  const prompt = (seed: number) => Int32Array.from({ length: 64 }, (_, index) => 3 + ((seed * 31 + index * 7) % 60));
  const runs: TracedRun[] = [];
  for (let attempt = 0; attempt < attempts; attempt++) {
    reports.length = 0;
    const tokens: number[] = [];
    const ended = new AbortController();
    const decoding = Promise.withResolvers<void>();
    const running = Array.from({ length: RUNNING }, (_, row) => {
      const options = { maxTokens: 400, ignoreEos: true, temperature: 0 };
      return serve(engine, { prompt: prompt(row), options }, (count) => {
        tokens.push(clock());
        // Somewhere in the middle of a step.
        if (count === 8 && row === 0) setTimeout(decoding.resolve, 1);
      }, ended.signal);
    });
    await decoding.promise;
    const arrival = clock();
    const arrived: number[] = [];
    await serve(engine, {
      prompt: prompt(RUNNING + attempt),
      options: { maxTokens: TOKENS, ignoreEos: true, temperature: 0 },
    }, () => arrived.push(clock()));
    ended.abort();
    await Promise.all(running);
    runs.push({
      mode,
      reports: reports.map((report) => shifted(report, arrival)),
      tokens: tokens.map((time) => time - arrival),
      arrived: arrived.map((time) => time - arrival),
    });
  }
  await engine.dispose();
  return runs.reduce((best, run) => (disturbance(run) < disturbance(best) ? run : best));
}

/** When the first token of the request that arrived was known, in milliseconds since its arrival. */
export function firstTokenKnown({ reports, arrived }: TracedRun): number {
  return reports.filter(({ prefillTokens, resultsAt }) => prefillTokens > 0 && resultsAt < arrived[0]!).at(-1)!
    .resultsAt;
}

/** Milliseconds by which the host noticed late that a step was done, and callers that a token was there, in all. */
function disturbance(run: TracedRun): number {
  const known = firstTokenKnown(run);
  const steps = run.reports.filter((report) =>
    report.device !== null && report.resultsAt > 0 && report.end < run.arrived.at(-1)!
  );
  const noticed = steps.map((report) => report.resultsAt - report.device!.end);
  const later = run.reports.filter((report) => report.resultsAt >= known).map((report) => report.resultsAt);
  const lags = run.arrived.map((time, index) => time - (later[index] ?? time));
  // Also of the running requests: the last of those tokens was the sign for the one that arrives.
  const others = steps.map((report) =>
    (run.tokens.find((time) => time >= report.resultsAt) ?? report.resultsAt) - report.resultsAt
  );
  return [...noticed, ...lags, ...others].reduce((sum, lag) => sum + lag, 0);
}

/** A report with other times. */
function shifted(report: StepReport, origin: number): StepReport {
  const { start, forwardLaunched, sampling, launched, waiting, resultsAt, firstTokensSent, processing, end } = report;
  const times = { start, forwardLaunched, sampling, launched, waiting, resultsAt, firstTokensSent, processing, end };
  const moved = Object.fromEntries(Object.entries(times).map(([name, time]) => [name, time - origin]));
  const { device } = report;
  const onDevice = device === null ? null : {
    begin: device.begin - origin,
    forwardEnd: device.forwardEnd - origin,
    samplingBegin: device.samplingBegin - origin,
    end: device.end - origin,
    idle: device.idle,
  };
  return { ...report, ...moved, device: onDevice };
}
