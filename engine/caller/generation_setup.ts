/**
 * What a generation is made of.
 *
 * @module
 */
import type { RequestEvent } from "../events/event_types.ts";
import type { SegmentRequest } from "../events/request_record.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { RequestTotals } from "../telemetry/engine_stats.ts";
import type { TokenTable } from "../text/tokenizer/token_table.ts";

/** The listener to the events of all requests; null: no event is created for it. */
export interface EventTap {
  readonly listener: ((event: RequestEvent) => void) | null;
}

/** The parts of a generation. */
export interface GenerationSetup {
  readonly request: SegmentRequest;
  /** Time to turn the prompt into tokens; null where it was given as tokens. */
  readonly tokenizeMs: number | null;
  /** null: the model has no tokenizer, text stays empty. */
  readonly tokenTable: TokenTable | null;
  /** Tokens per chunk, after the first one. */
  readonly streamInterval: number;
  readonly now: Clock;
  readonly tap: EventTap;
  /** Counts and times over all requests. */
  readonly totals: RequestTotals;
  /** Called to cancel it on the executor's side. */
  readonly onCancel: () => void;
}
