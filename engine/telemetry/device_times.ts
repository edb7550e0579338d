/**
 * When the device worked on a step.
 *
 * @module
 */
/** When the device worked on a step, in milliseconds on the engine's clock. */
export interface DeviceTimes {
  /** It began with the step's inputs. */
  readonly begin: number;
  /** The forward pass was computed. */
  readonly forwardEnd: number;
  /** It began to choose tokens. */
  readonly samplingBegin: number;
  /** The tokens were on the host. */
  readonly end: number;
  /** For how long it had nothing to do since the end of the step before, and within this one. */
  readonly idle: number;
}
