/**
 * When the device worked on a step.
 *
 * @module
 */
/** When the device worked on a step, in milliseconds on the engine's clock. */
export interface DeviceTimes {
  /** It started on the step's inputs. */
  readonly begin: number;
  /** The forward pass ended. */
  readonly forwardEnd: number;
  /** Sampling started. */
  readonly samplingBegin: number;
  /** The tokens were on the host. */
  readonly end: number;
  /** Milliseconds for which it was idle since the previous step's end, and within this step. */
  readonly idle: number;
}
