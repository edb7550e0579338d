/**
 * The runner as the executor sees it.
 *
 * @module
 */
import type { ModelRunner } from "./model_runner.ts";

/** What the executor needs of a runner: {@linkcode ModelRunner}, or a stand-in with the same contract. */
export type StepRunner = Pick<
  ModelRunner,
  "admit" | "launchForward" | "launchSampling" | "haveArrived" | "waitForResults" | "deviceTimes"
>;
