/**
 * Why a generation ended.
 *
 * @module
 */
/**
 * Why a generation ended: `"stop"` at an end-of-sequence token or a stop string, `"length"` at `maxTokens`,
 * `"cancelled"` by the caller or by the engine's shutdown.
 */
export type FinishReason = "stop" | "length" | "cancelled";
