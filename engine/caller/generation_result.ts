/**
 * The results of a generation, besides events.
 *
 * @module
 */
import type { RequestMetrics } from "../telemetry/request_metrics.ts";
import type { FinishReason } from "../events/finish_reason.ts";
import type { RequestRecord } from "../events/request_record.ts";
import type { StepLogprobs } from "../events/event_types.ts";

/** Token counts. */
export interface Usage {
  /** Tokens of the prompt, special ones included. */
  readonly promptTokens: number;
  /** Generated tokens, an end-of-sequence token included. */
  readonly completionTokens: number;
}

/** Times and counts of a generation that is over. */
export interface GenerationMetrics extends RequestMetrics {
  readonly e2eMs: number;
}

/** A piece of a generation: its first token, then `streamInterval` tokens at a time, then the rest. */
export interface GenerationChunk {
  /** The text that became certain with these tokens. */
  readonly text: string;
  /** The tokens; none where a generation is cancelled after a whole chunk. */
  readonly tokenIds: readonly number[];
  /** Why the generation ended, in its last chunk; else null. */
  readonly finishReason: FinishReason | null;
}

/** The result of a generation. */
export interface GenerationResult {
  /** The generated text, without the stop string and special tokens. */
  readonly text: string;
  /** The generated tokens, an end-of-sequence token and the tokens of a stop string included. */
  readonly tokenIds: number[];
  /** The prompt as tokens. */
  readonly promptTokenIds: number[];
  /** Why it ended. */
  readonly finishReason: FinishReason;
  /** The stop string or end-of-sequence token that ended it; null where none did. */
  readonly stopReason: string | number | null;
  /** The seed that reproduces it. */
  readonly seed: number;
  readonly usage: Usage;
  readonly metrics: GenerationMetrics;
  /** Per token; null unless requested. */
  readonly logprobs: StepLogprobs[] | null;
  /** Its record; `trackGeneratedTokenEvents` and the other tracking options decide what it keeps. */
  readonly record: RequestRecord;
}
