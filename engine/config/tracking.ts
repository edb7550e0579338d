/**
 * What a request keeps in its record.
 *
 * @module
 */
import { invalid } from "./checks.ts";

/** What to keep of a request's life, as a caller says it. */
export interface TrackingOptions {
  /**
   * Keep each token's event in the request's record, with its time and how the KV cache stood. Default false. It changes
   * neither the tokens nor what a loop over the generation gets.
   */
  readonly trackGeneratedTokenEvents?: boolean | undefined;
  /** Keep pauses in the request's record. Default false. A loop over the generation gets them anyway. */
  readonly trackPausedRequestEvents?: boolean | undefined;
  /** Emit and keep the detail events `PREFILL_CHUNK`, `RESUME` and `CANCEL`. Default false. */
  readonly trackDetailEvents?: boolean | undefined;
}

/** What to keep of a request's life; every field is known. */
export interface Tracking {
  readonly generatedTokens: boolean;
  readonly pauses: boolean;
  readonly details: boolean;
}

/** Nothing but what every record has. */
export const NO_TRACKING: Tracking = { generatedTokens: false, pauses: false, details: false };

/**
 * Check tracking options and fill in what was left out.
 *
 * @param options What the caller said.
 * @param defaults What holds otherwise.
 * @returns Every field.
 * @throws {UpbeatError} `INVALID_PARAMETER`, naming field and value.
 */
export function resolveTracking(options: TrackingOptions, defaults: Tracking): Tracking {
  const flag = (field: keyof TrackingOptions, fallback: boolean): boolean => {
    const value = options[field] ?? fallback;
    if (typeof value !== "boolean") throw invalid(field, "must be true or false", value);
    return value;
  };
  return {
    generatedTokens: flag("trackGeneratedTokenEvents", defaults.generatedTokens),
    pauses: flag("trackPausedRequestEvents", defaults.pauses),
    details: flag("trackDetailEvents", defaults.details),
  };
}
