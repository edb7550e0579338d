/**
 * What the executor and the device did in each step, from reports of steps.
 *
 * @module
 */
import type { StepReport } from "../../mod.ts";

/** Figures of steps, in microseconds. */
export interface StepFigures {
  /** For how long the device had nothing to do, before a step and within it. Empty where that is not measured. */
  readonly idle: readonly number[];
  /** What one iteration of the loop took without waiting for the device or for messages. */
  readonly host: readonly number[];
  /** The same without the time in a scripted device's functions, which is scripted too; else as `host`. */
  readonly own: readonly number[];
}

/**
 * Look at the steps of one run.
 *
 * Steps after a rest are left out: there the device had to wait.
 *
 * @param reports Of consecutive steps.
 * @param library For each of them, milliseconds spent in the device's functions until its forward pass was enqueued; null:
 * they count as the host's.
 * @param steadyRows Look only at steps between others that decode so many rows and compute no prompt; null: at all.
 * @returns The figures of those steps.
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

/** Milliseconds of the iteration that launches a step in which the executor waited: for it, or for the one before. */
function waitBetween(reports: readonly StepReport[], index: number): number {
  const [from, to] = [reports[index]!.start, reports[index + 1]!.start];
  return reports.slice(Math.max(0, index - 2), index + 2).reduce((sum, { waiting, resultsAt }) => {
    return sum + Math.max(0, Math.min(resultsAt, to) - Math.max(waiting, from));
  }, 0);
}
