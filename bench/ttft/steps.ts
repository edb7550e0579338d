/**
 * Host time and device idle time of steps, from step reports.
 *
 * @module
 */
import type { StepReport } from "../../mod.ts";

/** Figures of steps, in microseconds. */
export interface StepFigures {
  /** Idle time of the device before and within each step; empty if not measured. */
  readonly idle: readonly number[];
  /** Host time of each iteration of the loop, waits for the device and for commands excluded. */
  readonly host: readonly number[];
  /** As `host`, without the scripted time in a scripted device's functions. */
  readonly own: readonly number[];
}

/**
 * Computes the figures of the steps of one run.
 *
 * Steps after an idle loop are omitted, as the device was idle before them.
 *
 * @param reports Reports of consecutive steps.
 * @param library Per step, total milliseconds spent in the device's functions when its forward pass was enqueued; null: count
 * them as host time.
 * @param steadyRows Use only steps that decode this number of rows and no prompt, as do their neighbours; null: use all.
 * @returns The figures.
 */
export function stepFigures(
  reports: readonly StepReport[],
  library: readonly number[] | null,
  steadyRows: number | null,
): StepFigures {
  const isSteady = (report: StepReport | undefined) => {
    return steadyRows === null || (report?.decodeTokens === steadyRows && report.prefillTokens === 0);
  };
  const idle: number[] = [];
  const host: number[] = [];
  const own: number[] = [];
  for (const [index, report] of reports.entries()) {
    const [before, next] = [reports[index - 1], reports[index + 1]];
    if (report.afterIdle || !isSteady(before) || !isSteady(report) || !isSteady(next)) continue;
    if (report.device !== null) idle.push(report.device.idle * 1000);
    if (next === undefined || next.afterIdle) continue;
    const time = (next.start - next.launchDelayMs - report.start - waitBetween(reports, index)) * 1000;
    host.push(time);
    own.push(library === null ? time : time - (library[index + 1]! - library[index]!) * 1000);
  }
  return { idle, host, own };
}

/** Milliseconds for which the executor waited for any step in the iteration that launches a step. */
function waitBetween(reports: readonly StepReport[], index: number): number {
  const [from, to] = [reports[index]!.start, reports[index + 1]!.start];
  return reports.slice(Math.max(0, index - 2), index + 2).reduce((sum, { waiting, resultsAt }) => {
    return sum + Math.max(0, Math.min(resultsAt, to) - Math.max(waiting, from));
  }, 0);
}
