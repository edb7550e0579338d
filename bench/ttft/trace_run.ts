/**
 * Traces a request that arrives while others decode: the times of the executor, the device and the callers.
 *
 * @module
 */
import type { StepReport } from "../../mod.ts";
import { serve } from "./caller.ts";
import type { BenchDevice, Mode } from "./devices.ts";

/** A trace; times in milliseconds since the arrival of the request. */
export interface TracedRun {
  readonly mode: Mode;
  readonly reports: readonly StepReport[];
  /** When each token of the running requests reached its caller's loop. */
  readonly runningTokens: readonly number[];
  /** When each token of the arriving request reached its caller's loop. */
  readonly arrivalTokens: readonly number[];
}

/** Number of requests that decode at the arrival. */
const RUNNING = 4;

/** Tokens of the arriving request. */
const TOKENS = 6;

/**
 * Traces several runs.
 *
 * @param device The device.
 * @param mode The mode.
 * @param attempts Number of runs.
 * @returns The least disturbed run.
 */
export async function traceRun(device: BenchDevice, mode: Mode, attempts: number): Promise<TracedRun> {
  const reports: StepReport[] = [];
  const { engine } = await device.load(mode, (report) => reports.push(report));
  const clock = () => performance.timeOrigin + performance.now() - engine.timeOrigin;
  const prompt = (seed: number) => Int32Array.from({ length: 64 }, (_, index) => 3 + ((seed * 31 + index * 7) % 60));
  const runs: TracedRun[] = [];
  for (let attempt = 0; attempt < attempts; attempt++) {
    reports.length = 0;
    const runningTokens: number[] = [];
    const ended = new AbortController();
    const decoding = Promise.withResolvers<void>();
    const running = Array.from({ length: RUNNING }, (_, row) => {
      const options = { maxTokens: 400, ignoreEos: true, temperature: 0 };
      return serve(engine, { prompt: prompt(row), options }, (count) => {
        runningTokens.push(clock());
        // The request arrives in the middle of a step.
        if (count === 8 && row === 0) setTimeout(decoding.resolve, 1);
      }, ended.signal);
    });
    await decoding.promise;
    const arrival = clock();
    const arrivalTokens: number[] = [];
    await serve(engine, {
      prompt: prompt(RUNNING + attempt),
      options: { maxTokens: TOKENS, ignoreEos: true, temperature: 0 },
    }, () => arrivalTokens.push(clock()));
    ended.abort();
    await Promise.all(running);
    runs.push({
      mode,
      reports: reports.map((report) => shifted(report, arrival)),
      runningTokens: runningTokens.map((time) => time - arrival),
      arrivalTokens: arrivalTokens.map((time) => time - arrival),
    });
  }
  await engine.dispose();
  return runs.reduce((best, run) => (disturbance(run) < disturbance(best) ? run : best));
}

/** When the arriving request's first token reached the host, in milliseconds since the arrival. */
export function firstTokenTime({ reports, arrivalTokens }: TracedRun): number {
  return reports.filter(({ prefillTokens, resultsAt }) => prefillTokens > 0 && resultsAt < arrivalTokens[0]!).at(-1)!
    .resultsAt;
}

/** Total delay of the host in noticing ends of steps, and of callers in getting tokens, in milliseconds. */
function disturbance(run: TracedRun): number {
  const tokenTime = firstTokenTime(run);
  const steps = run.reports.filter((report) =>
    report.device !== null && report.resultsAt > 0 && report.end < run.arrivalTokens.at(-1)!
  );
  const noticed = steps.map((report) => report.resultsAt - report.device!.end);
  const later = run.reports.filter((report) => report.resultsAt >= tokenTime).map((report) => report.resultsAt);
  const lags = run.arrivalTokens.map((time, index) => time - (later[index] ?? time));
  // Tokens of running requests count as well, since the arrival is timed by one of them.
  const others = steps.map((report) =>
    (run.runningTokens.find((time) => time >= report.resultsAt) ?? report.resultsAt) - report.resultsAt
  );
  return [...noticed, ...lags, ...others].reduce((sum, lag) => sum + lag, 0);
}

/** A report with times relative to an origin. */
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
