/**
 * The record of a request: an ordered list of segments, one more with every eviction.
 *
 * @module
 */
import { toMicroseconds } from "../telemetry/clock.ts";
import { UpbeatError } from "../../errors.ts";
import type { RequestEvent, RequestEventType, StepLogprobs, StoredEvent } from "./event_types.ts";
import type { FinishReason } from "./finish_reason.ts";
import type { SamplingParameters } from "../config/sampling_options.ts";
import { GeneratedText } from "../text/streaming/generated_text.ts";
import type { TokenTable } from "../text/tokenizer/token_table.ts";
import type { ColumnCursor, TokenColumns } from "./token_columns.ts";
import type { Tracking } from "../config/tracking.ts";

/** The values of {@linkcode RecordStatus}. */
export const RECORD_STATUSES = ["queued", "running", "paused", "evicted", "finished", "failed"] as const;

/** Where a request is. A segment that ended in an eviction stays `"evicted"`. */
export type RecordStatus = (typeof RECORD_STATUSES)[number];

/** The input of a segment. */
export interface SegmentRequest {
  /** The request, unique within the engine. */
  readonly requestId: number;
  /** When `generate()` was called, in milliseconds on the engine's clock; the same in all segments. */
  readonly arrival: number;
  /** The prompt, with the tokens of earlier segments; null where it is not known. */
  readonly promptTokenIds: readonly number[] | Int32Array | null;
  /** Tokens of the prompt. Sampling depends on the position in the sequence alone, so its state needs no field. */
  readonly promptLength: number;
  /** How many of them earlier segments generated: the last ones, which penalties treat as output. */
  readonly generatedBefore: number;
  /** Tokens it may generate, at most. */
  readonly maxTokens: number;
  /** How tokens are sampled, with the seed; null where the request was rejected before that was resolved. */
  readonly sampling: SamplingParameters | null;
  readonly eosTokenIds: readonly number[];
  readonly stopStrings: readonly string[];
  readonly tracking: Tracking;
}

/** A request from its arrival, or from an eviction, to the next eviction or its end. */
export interface RequestSegment<Event extends StoredEvent = RequestEvent> extends SegmentRequest {
  readonly status: RecordStatus;
  /** Why it finished; null while it has not. */
  readonly finishReason: FinishReason | null;
  /** The stop string or end-of-sequence token that ended it; null where none did. */
  readonly stopReason: string | number | null;
  /** From the request's arrival to the first token of this segment, in milliseconds. */
  readonly ttftMs: number | null;
  /** Generated tokens, whether their events are kept or not. */
  readonly tokenIds: readonly number[];
  /** Per token; null where they were not asked for, or before the first token. */
  readonly logprobs: readonly StepLogprobs[] | null;
  /** The events that its tracking options keep. */
  readonly events: readonly Event[];
}

/** All segments of a request merged, as if it had never been evicted. */
export interface MergedRequest<Event extends StoredEvent = RequestEvent> extends RequestSegment<Event> {
  /** The text, decoded from all tokens at once; null without a tokenizer. */
  readonly text: string | null;
}

/** A segment as its record changes it. */
type OpenSegment<Event extends StoredEvent> =
  & Omit<RequestSegment<Event>, "status" | "finishReason" | "stopReason">
  & { -readonly [Field in "status" | "finishReason" | "stopReason"]: RequestSegment[Field] };

/**
 * Create an empty segment.
 *
 * @param request Its input.
 * @returns The segment.
 */
export function newSegment<Event extends StoredEvent = RequestEvent>(request: SegmentRequest): RequestSegment<Event> {
  return {
    ...request,
    status: "queued",
    finishReason: null,
    stopReason: null,
    ttftMs: null,
    tokenIds: [],
    logprobs: null,
    events: [],
  };
}

/**
 * The segments of one request, oldest first.
 *
 * @example
 * ```ts
 * const { record } = await engine.generate("Once upon a time").result;
 * for (const event of record.merge().events) console.log(formatEvent(event));
 * ```
 */
export class RequestRecord<Event extends StoredEvent = RequestEvent> {
  readonly #segments: OpenSegment<Event>[];
  readonly #tokenTable: TokenTable | null;
  /** The last segment's range of the columns; null for a record of given segments. */
  #range: ColumnRange | null = null;

  /**
   * @param segments At least one; their lists are copied.
   * @param tokenTable Decodes tokens when segments are merged; null: the text is null.
   * @throws {UpbeatError} `RECORD_INVALID` without segments, or with segments of different requests.
   */
  constructor(segments: readonly RequestSegment<Event>[], tokenTable: TokenTable | null = null) {
    const [first] = segments;
    if (first === undefined) throw new UpbeatError("RECORD_INVALID", "a record needs at least one segment", {});
    for (const { requestId } of segments) {
      if (requestId === first.requestId) continue;
      throw new UpbeatError(
        "RECORD_INVALID",
        `a record's segments must be of one request, got requestId ${first.requestId} and ${requestId}`,
        { field: "requestId", value: requestId },
      );
    }
    this.#segments = segments.map(copySegment);
    this.#tokenTable = tokenTable;
  }

  /** The request, unique within the engine. */
  get requestId(): number {
    return this.#segments[0]!.requestId;
  }

  /** Oldest first; the last one may still grow. */
  get segments(): readonly RequestSegment<Event>[] {
    return this.#segments;
  }

  /** The status of the last segment. */
  get status(): RecordStatus {
    return this.#current.status;
  }

  /** From the request's arrival to its first token, in milliseconds; null before. Independent of recorded events. */
  get ttftMs(): number | null {
    return this.#segments.find(({ ttftMs }) => ttftMs !== null)?.ttftMs ?? null;
  }

  get #current(): OpenSegment<Event> {
    return this.#segments.at(-1)!;
  }

  /**
   * @internal The record of a request in progress: its segments are ranges of the request's columns.
   *
   * @param request Its input.
   * @param columns Its tokens and events; `Generation` adds to them.
   * @param tokenTable As of the constructor.
   */
  static of(request: SegmentRequest, columns: TokenColumns, tokenTable: TokenTable | null): RequestRecord {
    const record = new RequestRecord([newSegment(request)], tokenTable);
    record.#range = new ColumnRange(columns);
    record.#segments[0] = segmentOver(newSegment(request), record.#range);
    return record;
  }

  /** @internal The prompt of a request in progress has been encoded. */
  start({ promptTokenIds, promptLength, maxTokens }: SegmentRequest): void {
    Object.assign(this.#current, { promptTokenIds, promptLength, maxTokens });
  }

  /** @internal An event of this type is about to be added to the columns. */
  advance(type: RequestEventType): void {
    if (type === "EVICT") this.cutSegment();
    const current = this.#current;
    current.status = STATUS_AFTER[type] ?? current.status;
  }

  /** @internal Set why it finished. */
  finish(reason: FinishReason, stopReason: string | number | null): void {
    this.#current.finishReason = reason;
    this.#current.stopReason = stopReason;
  }

  /**
   * Start a new segment where an eviction cuts the last one: what was generated becomes part of the prompt and is taken
   * off the token budget, the lists start empty, and everything else is carried over.
   *
   * @returns The new segment.
   */
  cutSegment(): RequestSegment<Event> {
    const last = this.#current;
    last.status = "evicted";
    const { tokenIds, promptTokenIds, promptLength, generatedBefore, maxTokens } = last;
    const { requestId, arrival, sampling, eosTokenIds, stopStrings, tracking } = last;
    const segment = newSegment<Event>({
      requestId,
      arrival,
      promptTokenIds: promptTokenIds === null ? null : [...promptTokenIds, ...tokenIds],
      promptLength: promptLength + tokenIds.length,
      generatedBefore: generatedBefore + tokenIds.length,
      maxTokens: maxTokens - tokenIds.length,
      sampling,
      eosTokenIds,
      stopStrings,
      tracking,
    });
    this.#range = this.#range?.cut() ?? null;
    const next = this.#range === null ? segment : segmentOver(segment, this.#range);
    this.#segments.push(next);
    return next;
  }

  /** @deprecated Renamed to {@linkcode RequestRecord.cutSegment}. */
  checkpoint(): RequestSegment<Event> {
    return this.cutSegment();
  }

  /**
   * Merge all segments: identity, prompt and sampling of the first, status and finish reason of the last, and all
   * tokens, log-probabilities and events in order. The record is not changed.
   *
   * @returns The request, as if it had never been evicted.
   */
  merge(): MergedRequest<Event> {
    const first = this.#segments[0]!;
    const { status, finishReason, stopReason } = this.#current;
    const tokenIds = this.#segments.flatMap((segment) => segment.tokenIds);
    const hasLogprobs = this.#segments.some(({ logprobs }) => logprobs !== null);
    return {
      ...first,
      status,
      finishReason,
      stopReason,
      ttftMs: this.ttftMs,
      tokenIds,
      logprobs: hasLogprobs ? this.#segments.flatMap(({ logprobs }) => logprobs ?? []) : null,
      events: this.#segments.flatMap(({ events }) => events),
      text: this.#textOf(first, tokenIds),
    };
  }

  #textOf(first: SegmentRequest, tokenIds: readonly number[]): string | null {
    if (this.#tokenTable === null || first.promptTokenIds === null) return null;
    return GeneratedText.of(this.#tokenTable, tokenIds, { ...first, promptTokenIds: first.promptTokenIds });
  }
}

/** A request's status after an event, where the event changes it. */
const STATUS_AFTER: Partial<Record<RequestEventType, RecordStatus>> = {
  PREFILL_CHUNK: "running",
  ADD_CONTEXT: "running",
  PAUSE: "paused",
  RESUME: "running",
  FINISH: "finished",
  FAIL: "failed",
};

function copySegment<Event extends StoredEvent>(segment: RequestSegment<Event>): OpenSegment<Event> {
  const { tokenIds, logprobs, events } = segment;
  return {
    ...segment,
    tokenIds: [...tokenIds],
    logprobs: logprobs === null ? null : [...logprobs],
    events: [...events],
  };
}

/** A range of a request's columns; it grows with them until it is cut. */
class ColumnRange {
  readonly columns: TokenColumns;
  readonly start: ColumnCursor;
  #end: ColumnCursor | null = null;

  constructor(columns: TokenColumns) {
    this.columns = columns;
    this.start = columns.end;
  }

  get end(): ColumnCursor {
    return this.#end ?? this.columns.end;
  }

  /** Ends the range here. Returns the one after it. */
  cut(): ColumnRange {
    this.#end = this.columns.end;
    return new ColumnRange(this.columns);
  }
}

/**
 * A segment whose lists are read from a range. Its accessors are own and enumerable, so that it is copied like a plain
 * value. Events are created when they are first read.
 */
function segmentOver<Event extends StoredEvent>(
  segment: RequestSegment<Event>,
  range: ColumnRange,
): OpenSegment<Event> {
  const { columns, start } = range;
  const cursor = { ...start };
  const events: RequestEvent[] = [];
  return {
    ...segment,
    get ttftMs() {
      return start.tokens === range.end.tokens
        ? null
        : toMicroseconds(columns.tokenTimes[start.tokens]! - this.arrival);
    },
    get tokenIds() {
      return columns.tokenIds.slice(start.tokens, range.end.tokens);
    },
    get logprobs() {
      const logprobs = columns.logprobs.slice(start.tokens, range.end.tokens);
      return logprobs.length === 0 ? null : logprobs;
    },
    get events() {
      columns.readKept(cursor, range.end, events);
      return events as StoredEvent[] as Event[];
    },
  };
}
