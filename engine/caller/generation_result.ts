/**
 * What a generation gives its caller besides events.
 *
 * @module
 */
import type { RequestMetrics } from "../telemetry/request_metrics.ts";
import type { FinishReason } from "../events/finish_reason.ts";
import type { RequestRecord } from "../events/request_record.ts";
import type { StepLogprobs } from "../events/event_types.ts";

/** Tokens counted. */
export interface Usage {
  /** Tokens of the prompt, special ones included. */
  readonly promptTokens: number;
  /** Generated tokens, an end-of-sequence token included. */
  readonly completionTokens: number;
}

/** Times and counts of a generation that has ended. */
export interface GenerationMetrics extends RequestMetrics {
  readonly e2eMs: number;
}

/** What is handed over at once: a generation's first token, then `streamInterval` tokens at a time, then what is left. */
export interface GenerationChunk {
  /** The text that became certain with these tokens. */
  readonly text: string;
  /** The tokens; none where a cancelled generation ends after a whole chunk. */
  readonly tokenIds: readonly number[];
  /** Why the generation ended, in its last chunk; else null. */
  readonly finishReason: FinishReason | null;
}

/** What a generation came to. */
export interface GenerationResult {
  /** The generated text, without stop string and special tokens. */
  readonly text: string;
  /** The generated tokens, an end-of-sequence token and the tokens of a stop string included. */
  readonly tokenIds: number[];
  /** The prompt as tokens. */
  readonly promptTokenIds: number[];
  /** Why it ended. */
  readonly finishReason: FinishReason;
  /** The stop string or the end-of-sequence token that ended it, where one did. */
  readonly stopReason: string | number | null;
  /** The seed that reproduces it. */
  readonly seed: number;
  readonly usage: Usage;
  readonly metrics: GenerationMetrics;
  /** Per token, when asked for. */
  readonly logprobs: StepLogprobs[] | null;
  /** What was kept of its life; see `trackGeneratedTokenEvents` and the other tracking options. */
  readonly record: RequestRecord;
}
