/**
 * What runs steps on a device.
 *
 * @module
 */
import type { ModelRunner } from "./model_runner.ts";

/** What the runner must offer: {@linkcode ModelRunner}, or a stand-in with the same promises. */
export type StepRunner = Pick<
  ModelRunner,
  "admit" | "launchForward" | "launchSampling" | "haveArrived" | "waitForResults" | "deviceTimes"
>;
