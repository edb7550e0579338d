/**
 * Why a generation ended.
 *
 * @module
 */

/** The values of {@linkcode FinishReason}. */
export const FINISH_REASONS = ["stop", "length", "cancelled"] as const;

/**
 * Why a generation ended: `"stop"` at an end-of-sequence token or a stop string, `"length"` at `maxTokens`,
 * `"cancelled"` by the caller or by the engine's shutdown.
 */
export type FinishReason = (typeof FINISH_REASONS)[number];
