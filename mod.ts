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
export { Engine } from "./engine/caller/engine.ts";
export {
  DEFAULT_MAX_TOKENS,
  type GenerateOptions,
  MAX_STOP_STRINGS,
  MAX_STOP_TOKENS,
} from "./engine/config/generate_options.ts";
export { formatLogEntry, type LogEntry } from "./engine/telemetry/log.ts";
export type {
  DisposeOptions,
  EngineOptions,
  EventStreamOptions,
  LoadProgress,
} from "./engine/config/engine_options.ts";
export type { DeviceTimes } from "./engine/telemetry/device_times.ts";
export type { EngineInfo, OptionsInEffect } from "./engine/config/engine_info.ts";
export type { StepReport } from "./engine/telemetry/step_report.ts";
export type { DeviceLibrary } from "./ffi/interface.ts";
export { Generation } from "./engine/caller/generation.ts";
export { AbortedError } from "./engine/caller/outcome.ts";
export type { GenerationChunk, GenerationMetrics, GenerationResult, Usage } from "./engine/caller/generation_result.ts";
export { BUNDLED_MODEL } from "./engine/files/bundled_model.ts";
/** @deprecated Renamed to {@linkcode BUNDLED_MODEL}. */
export { BUNDLED_MODEL as SHIPPED_MODEL } from "./engine/files/bundled_model.ts";
export { createEvent, formatEvent } from "./engine/events/events.ts";
export {
  type CancelReason,
  type CompactTokenEvent,
  DETAIL_EVENT_TYPES,
  type EventOf,
  type EventPayloads,
  type GeneratedToken,
  LIFECYCLE_EVENT_TYPES,
  type PrefillChunk,
  type RequestError,
  type RequestEvent,
  type RequestEventType,
  type StepLogprobs,
  type StoredEvent,
  type TokenLogprob,
} from "./engine/events/event_types.ts";
export { checkEventOrder, EventOrder } from "./engine/events/event_order.ts";
/** @deprecated Renamed to {@linkcode EventOrder}. */
export { EventOrder as EventLog } from "./engine/events/event_order.ts";
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
} from "./engine/events/event_serialization.ts";
export type { EventStream } from "./engine/caller/event_stream.ts";
export type { RequestMetrics } from "./engine/telemetry/request_metrics.ts";
export {
  type MergedRequest,
  type RecordStatus,
  RequestRecord,
  type RequestSegment,
  type SegmentRequest,
} from "./engine/events/request_record.ts";
export { LATENCY_RELATIVE_ERROR, type LatencySummary } from "./engine/telemetry/latency_histogram.ts";
export type { EngineStats } from "./engine/telemetry/engine_stats.ts";
export type { Tracking, TrackingOptions } from "./engine/config/tracking.ts";
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
export type { FinishReason } from "./engine/events/finish_reason.ts";
export type { Prompt } from "./engine/caller/prompt.ts";
export { MAX_LOGIT_BIASES, MAX_LOGPROBS, type SamplingOptions } from "./engine/config/sampling_options.ts";
export type { ChatMessage } from "./engine/text/chat_message.ts";
export { Tokenizer } from "./engine/text/tokenizer/tokenizer.ts";
