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
export { Engine } from "./engine/engine.ts";
export { DEFAULT_MAX_TOKENS, type GenerateOptions, MAX_STOP_STRINGS } from "./engine/generate_options.ts";
export { formatLogEntry, type LogEntry } from "./engine/log.ts";
export type { DisposeOptions, EngineOptions, LoadProgress } from "./engine/options.ts";
export type { DeviceTimes } from "./engine/device_timer.ts";
export type { EngineInfo, StepReport } from "./engine/protocol.ts";
export type { DeviceLibrary } from "./ffi/interface.ts";
export { Generation } from "./engine/generation.ts";
export type { GenerationChunk, GenerationMetrics, GenerationResult, Usage } from "./engine/generation_result.ts";
export { SHIPPED_MODEL } from "./engine/shipped_model.ts";
export {
  type CancelReason,
  type CompactTokenEvent,
  createEvent,
  DETAIL_EVENT_TYPES,
  type EventOf,
  type EventPayloads,
  formatEvent,
  type GeneratedToken,
  LIFECYCLE_EVENT_TYPES,
  type PrefillChunk,
  type RequestError,
  type RequestEvent,
  type RequestEventType,
  type StoredEvent,
  type TokenLogprob,
} from "./engine/events.ts";
export { checkEventOrder, EventLog } from "./engine/event_log.ts";
export {
  deserializeEvent,
  deserializeRecord,
  deserializeRequest,
  type EventContext,
  type EventMode,
  SERIALIZATION_VERSION,
  type SerializedEvent,
  type SerializedRecord,
  type SerializedRequest,
  serializeEvent,
  type SerializeOptions,
  serializeRecord,
  serializeRequest,
} from "./engine/event_serialization.ts";
export type { EventStream, EventStreamOptions } from "./engine/event_stream.ts";
export type { RequestMetrics } from "./engine/metrics.ts";
export {
  type MergedRequest,
  type RecordStatus,
  RequestRecord,
  type RequestSegment,
  type SegmentRequest,
  type StepLogprobs,
} from "./engine/request_record.ts";
export { LATENCY_RELATIVE_ERROR, type LatencySummary } from "./engine/latency_histogram.ts";
export type { EngineStats } from "./engine/stats.ts";
export type { Tracking, TrackingOptions } from "./engine/tracking.ts";
export {
  deserializeError,
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  type SerializedCause,
  type SerializedError,
  serializeError,
  UpbeatError,
} from "./errors.ts";
export type { FinishReason } from "./engine/request.ts";
export type { Prompt } from "./engine/prompt.ts";
export { MAX_LOGIT_BIASES, MAX_LOGPROBS, type SamplingOptions } from "./engine/sampling.ts";
export type { ChatMessage } from "./engine/text/chat_template.ts";
export { Tokenizer } from "./engine/text/tokenizer.ts";
