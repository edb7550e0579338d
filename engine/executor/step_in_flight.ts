/**
 * A step between its launch and the end of its processing.
 *
 * @module
 */
import type { StepSize } from "./step_time_estimator.ts";
import type { StepUsage } from "../events/executor_event.ts";
import type { PendingResults } from "../runner/step_results.ts";
import type { Step } from "../scheduler/step_plan.ts";
import type { OpenStepReport } from "./step_reports.ts";

/** A step from its launch until it is processed; fields are filled in as it proceeds. */
export interface StepInFlight {
  readonly step: Step;
  /** When its launch began, in milliseconds. */
  readonly launchTime: number;
  readonly report: OpenStepReport | undefined;
  /** State of the KV cache at the launch; null where no request records its tokens. */
  readonly usage: StepUsage | null;
  /** Where its tokens arrive; null until its sampling is launched. */
  results: PendingResults | null;
  /** When its results were seen on the host, where that was before they were read. */
  arrivalTime: number | null;
  /** When its tokens reached the host; null until they are read. */
  tokenTime: number | null;
}

/**
 * Whether a step samples the first token of some request.
 *
 * @param inFlight A step whose tokens have not been read.
 */
export function bringsFirstTokens({ step }: StepInFlight): boolean {
  return step.scheduled.some(({ request, samples }) => samples && request.tokenIds.length === 0);
}

/**
 * Whether a step computes part of a prompt, so that its calls are not replayed from a captured graph.
 *
 * @param step The step.
 */
export function isPrefill(step: Step): boolean {
  return step.tokens > step.samplingRequests;
}

/**
 * What the duration of a step depends on.
 *
 * @param step The step.
 */
export function sizeOf(step: Step): StepSize {
  return { isPrefill: isPrefill(step), tokens: step.tokens };
}
