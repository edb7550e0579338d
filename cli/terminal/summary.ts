/**
 * One-line summaries of generations.
 *
 * @module
 */
import type { GenerationMetrics, GenerationResult } from "../../mod.ts";

/** The part of a result that is summarized. */
export type Finished = Pick<GenerationResult, "finishReason" | "usage"> & {
  readonly metrics: Pick<GenerationMetrics, "ttftMs" | "tpotMs" | "e2eMs">;
};

function milliseconds(value: number): string {
  return value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}

function tokens(count: number): string {
  return `${count} token${count === 1 ? "" : "s"}`;
}

/**
 * Summarize one generation.
 *
 * @param result The generation.
 * @returns As in `TTFT 12.3 ms, 45.6 tokens/s, 7 + 64 tokens (length)`.
 */
export function summary(result: Finished): string {
  const { usage, metrics, finishReason } = result;
  const parts = [
    metrics.ttftMs === null ? "no token" : `TTFT ${milliseconds(metrics.ttftMs)}`,
    ...(metrics.tpotMs === null || metrics.tpotMs <= 0 ? [] : [`${(1000 / metrics.tpotMs).toFixed(1)} tokens/s`]),
    `${usage.promptTokens} + ${tokens(usage.completionTokens)}`,
  ];
  return `${parts.join(", ")} (${finishReason})`;
}

/**
 * Summarize a batch.
 *
 * @param results The generations that succeeded.
 * @param elapsed From the first call to the last token, in milliseconds.
 * @returns As in `3 prompts in 1.2 s, TTFT 12.3 ms (median), 345.6 tokens/s together, 21 + 192 tokens`.
 */
export function batchSummary(results: readonly Finished[], elapsed: number): string {
  const first = results.map(({ metrics }) => metrics.ttftMs).filter((ms) => ms !== null).sort((a, b) => a - b);
  const sum = (of: (usage: Finished["usage"]) => number) => results.reduce((total, { usage }) => total + of(usage), 0);
  const completion = sum((usage) => usage.completionTokens);
  const median = first[Math.floor((first.length - 1) / 2)];
  return [
    `${results.length} prompt${results.length === 1 ? "" : "s"} in ${(elapsed / 1000).toFixed(1)} s`,
    ...(median === undefined ? [] : [`TTFT ${milliseconds(median)} (median)`]),
    `${((1000 * completion) / elapsed).toFixed(1)} tokens/s together`,
    `${sum((usage) => usage.promptTokens)} + ${tokens(completion)}`,
  ].join(", ");
}
