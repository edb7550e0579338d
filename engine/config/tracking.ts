/**
 * Tracking: which events a request keeps in its record.
 *
 * @module
 */
import { boolean, type Given, resolveOptions } from "./option.ts";

/** Options of `Engine.load`, and of `engine.generate`, where they default to the engine's. */
export const TRACKING_OPTIONS = {
  /**
   * Keep each token's event in the request's record, with its time and the state of the KV cache. It changes neither the
   * tokens nor what a loop over the generation yields. Default: false.
   */
  trackGeneratedTokenEvents: boolean({ default: false }),
  /** Keep pauses in the request's record. A loop over the generation yields them anyway. Default: false. */
  trackPausedRequestEvents: boolean({ default: false }),
  /** Emit and keep the detail events `PREFILL_CHUNK`, `RESUME` and `CANCEL`. Default: false. */
  trackDetailEvents: boolean({ default: false }),
} as const;

/** Which events a request keeps in its record; all options are optional. */
export interface TrackingOptions extends Given<typeof TRACKING_OPTIONS> {}

/** Which events a request keeps in its record. */
export interface Tracking {
  readonly generatedTokens: boolean;
  readonly pauses: boolean;
  readonly details: boolean;
}

/** Only the events that every record has. */
export const NO_TRACKING: Tracking = { generatedTokens: false, pauses: false, details: false };

/**
 * Check tracking options and fill in what was left out.
 *
 * @param options What the caller gave.
 * @param defaults What applies otherwise.
 * @returns Every field.
 * @throws {UpbeatError} `INVALID_PARAMETER`, naming field and value.
 */
export function resolveTracking(options: TrackingOptions, defaults: Tracking = NO_TRACKING): Tracking {
  const resolved = resolveOptions(TRACKING_OPTIONS, options, {
    trackGeneratedTokenEvents: defaults.generatedTokens,
    trackPausedRequestEvents: defaults.pauses,
    trackDetailEvents: defaults.details,
  });
  return {
    generatedTokens: resolved.trackGeneratedTokenEvents,
    pauses: resolved.trackPausedRequestEvents,
    details: resolved.trackDetailEvents,
  };
}
