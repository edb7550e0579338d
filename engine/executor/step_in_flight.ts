/**
 * A step between its launch and the end of its processing.
 *
 * @module
 */
import type { StepSize } from "./step_time_estimator.ts";
import type { StepUsage } from "../events/moment.ts";
import type { PendingResults } from "../runner/step_outputs.ts";
import type { Step } from "../scheduler/step_plan.ts";
import type { OpenStepReport } from "./step_reports.ts";

/** A step from its launch until it is processed. */
export interface StepInFlight {
  readonly step: Step;
  /** When its launch began. */
  readonly launchTime: number;
  readonly report: OpenStepReport | undefined;
  /** How the KV cache stood; null where no request records its tokens. */
  readonly usage: StepUsage | null;
  /** Where its tokens arrive; null until its sampling is launched. */
  results: PendingResults | null;
  /** When its results were found on the host, where that was before they were read. */
  arrivalTime: number | null;
  /** When its tokens were known to the host; null until they are read. */
  tokenTime: number | null;
}

/**
 * Whether a step's results were found on the host before they were read.
 *
 * @param inFlight The step; null: none.
 */
export function isKnown(inFlight: StepInFlight | null): inFlight is StepInFlight {
  return inFlight !== null && inFlight.arrivalTime !== null;
}

/**
 * Whether tokens that were not read yet are the first ones of some request.
 *
 * @param inFlight The step; null: none.
 */
export function bringsFirstTokens(inFlight: StepInFlight | null): boolean {
  if (inFlight === null || inFlight.tokenTime !== null) return false;
  return inFlight.step.scheduled.some(({ request, samples }) => samples && request.tokenIds.length === 0);
}

/**
 * Whether some request ended with its first token, which is read and leaves with everything else of its step.
 *
 * @param inFlight The step; null: none.
 */
export function endsWithFirstToken(inFlight: StepInFlight | null): boolean {
  if (inFlight === null) return false;
  return inFlight.step.scheduled.some(({ request }) => request.ending !== null && request.tokenIds.length === 1);
}

/**
 * Whether some prompt is in a step, so that its many calls are not captured.
 *
 * @param step The step; null: none.
 */
export function isPrefill(step: Step | null): boolean {
  return step !== null && step.tokens > step.samplingRequests;
}

/**
 * What a step's duration depends on.
 *
 * @param step The step.
 */
export function sizeOf(step: Step): StepSize {
  return { isPrefill: isPrefill(step), tokens: step.tokens };
}
