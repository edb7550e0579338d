/**
 * Upbeat: LLM inference for Bun and Deno. TypeScript drives Upbeat's own kernels through the runtime's FFI; tokens leave
 * as soon as they exist.
 *
 * ```ts
 * import { Engine } from "./mod.ts";
 *
 * await using engine = await Engine.load("path/to/model");
 * const generation = engine.generate("Once upon a time", { maxTokens: 64, temperature: 0 });
 * for await (const text of generation.text()) console.log(text);
 * const { finishReason, usage, metrics } = await generation.result;
 * ```
 *
 * @module
 */
export { DEFAULT_MAX_TOKENS, Engine, type GenerateOptions, MAX_STOP_STRINGS } from "./engine/engine.ts";
export type { EngineOptions, LoadProgress } from "./engine/options.ts";
export type { EngineInfo, ExecutorCounters } from "./engine/protocol.ts";
export {
  Generation,
  type GenerationMetrics,
  type GenerationResult,
  type StepLogprobs,
  type Usage,
} from "./engine/generation.ts";
export {
  formatEvent,
  type GeneratedToken,
  type RequestError,
  type RequestEvent,
  type RequestEventType,
  type TokenLogprob,
} from "./engine/events.ts";
export { type ErrorCode, type ErrorDetails, type SerializedError, UpbeatError } from "./errors.ts";
export type { FinishReason } from "./engine/request.ts";
export type { Prompt } from "./engine/prompt.ts";
export { MAX_LOGIT_BIASES, MAX_LOGPROBS, type SamplingOptions } from "./engine/sampling.ts";
export type { ChatMessage } from "./engine/text/chat_template.ts";
export { Tokenizer } from "./engine/text/tokenizer.ts";
