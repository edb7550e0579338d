/**
 * The requests of GPU benchmarks.
 *
 * @module
 */
import type { Engine, GenerationResult } from "../../mod.ts";
import { figure } from "./results.ts";

let promptsMade = 0;

/**
 * A prompt that shares no prefix with another.
 *
 * @param tokens Its length.
 * @param vocabulary Exclusive upper bound of token ids.
 * @returns Token ids.
 */
export function newPrompt(tokens: number, vocabulary: number): Int32Array {
  const first = ++promptsMade * 104729;
  return Int32Array.from({ length: tokens }, (_, index) => (first + index * 7919) % vocabulary);
}

/**
 * Run requests that start together, greedily.
 *
 * @param engine The engine.
 * @param prompts Their prompts.
 * @param maxTokens Tokens per request.
 * @param logprobs Whether to return log-probabilities.
 * @returns Their results, in order.
 */
export function decodeTogether(
  engine: Engine,
  prompts: readonly Int32Array[],
  maxTokens: number,
  logprobs = false,
): Promise<GenerationResult[]> {
  const options = { maxTokens, temperature: 0, ignoreEos: true, ...(logprobs ? { logprobs: 1 } : {}) };
  return Promise.all(prompts.map((prompt) => engine.generate(prompt, options).result));
}

/**
 * Measure decode steps.
 *
 * @param engine The engine.
 * @param batch Number of requests, which start together.
 * @param promptTokens Length of their prompts.
 * @param maxTokens Tokens per request.
 * @returns Milliseconds per step.
 */
export async function decodeStep(
  engine: Engine,
  batch: number,
  promptTokens: number,
  maxTokens: number,
): Promise<number> {
  const { vocabularySize } = engine.info.model;
  const prompts = Array.from({ length: batch }, () => newPrompt(promptTokens, vocabularySize));
  const results = await decodeTogether(engine, prompts, maxTokens);
  return figure(results.map(({ metrics }) => metrics.tpotMs!)).median;
}
