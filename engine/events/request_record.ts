/**
 * What is kept of a request: an ordered list of segments, one more with every eviction.
 *
 * @module
 */
import { toMicroseconds } from "../telemetry/clock.ts";
import { UpbeatError } from "../../errors.ts";
import type { RequestEvent, RequestEventType, StoredEvent, TokenLogprob } from "./events.ts";
import type { FinishReason } from "./finish_reason.ts";
import type { SamplingParameters } from "../config/sampling_options.ts";
import { GeneratedText } from "../text/streaming/generated_text.ts";
import type { TokenTable } from "../text/tokenizer/token_table.ts";
import type { Tracking } from "../config/tracking.ts";

/** Where a request is. A segment that ended in an eviction stays `"evicted"`. */
export type RecordStatus = "queued" | "running" | "paused" | "evicted" | "finished" | "failed";

/** All values of {@linkcode RecordStatus}. */
export const RECORD_STATUSES = ["queued", "running", "paused", "evicted", "finished", "failed"] as const;

/** Log-probabilities at one step. */
export interface StepLogprobs {
  /** The token that was chosen. */
  readonly tokenId: number;
  /** Its log-probability under the model's raw logits. */
  readonly logprob: number;
  /** The likeliest tokens, falling. */
  readonly top: readonly TokenLogprob[];
}

/** What a segment is asked to do. */
export interface SegmentRequest {
  /** The request, unique within the engine. */
  readonly requestId: number;
  /** When `generate()` was called, in milliseconds on the engine's clock; of the request, not of the segment. */
  readonly arrival: number;
  /** What it starts from, earlier segments' tokens included; null where it is not known. */
  readonly promptTokenIds: readonly number[] | Int32Array | null;
  /** Tokens of it. The random generator's position is the position in the sequence, so it needs no field of its own. */
  readonly promptLength: number;
  /** How many of them earlier segments generated: the last ones, which penalties count as output. */
  readonly generatedBefore: number;
  /** Tokens it may generate. */
  readonly maxTokens: number;
  /** How tokens are chosen, seed included; null where the request was refused before that was known. */
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
  /** The stop string or the end-of-sequence token that ended it, where one did. */
  readonly stopReason: string | number | null;
  /** From the request's arrival to the first token of this segment, in milliseconds. */
  readonly ttftMs: number | null;
  /** Generated tokens, whether their events are kept or not. */
  readonly tokenIds: readonly number[];
  /** Per token; null where nobody asked for them. */
  readonly logprobs: readonly StepLogprobs[] | null;
  /** The events that are kept. */
  readonly events: readonly Event[];
}

/** All segments of a request as one, as if it had never been evicted. */
export interface MergedRequest<Event extends StoredEvent = RequestEvent> extends RequestSegment<Event> {
  /** The text, decoded from all tokens at once; null without a tokenizer. */
  readonly text: string | null;
}

/** A segment under way. */
type OpenSegment<Event extends StoredEvent> =
  & SegmentRequest
  & { -readonly [Field in "status" | "finishReason" | "stopReason" | "ttftMs"]: RequestSegment[Field] }
  & { readonly tokenIds: number[]; readonly events: Event[]; logprobs: StepLogprobs[] | null };

/**
 * A segment in which nothing has happened yet.
 *
 * @param request What it is asked to do.
 * @returns The segment.
 */
export function newSegment(request: SegmentRequest): RequestSegment {
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

  /**
   * @param segments One at least; their lists are copied.
   * @param tokenTable What tokens decode to; null: merging gives no text.
   * @throws {UpbeatError} `RECORD_INVALID` without segments, or with segments of different requests.
   */
  constructor(segments: readonly RequestSegment<Event>[], tokenTable: TokenTable | null = null) {
    const [first] = segments;
    if (first === undefined) throw new UpbeatError("RECORD_INVALID", "a record needs one segment at least", {});
    for (const { requestId } of segments) {
      if (requestId === first.requestId) continue;
      throw new UpbeatError(
        "RECORD_INVALID",
        `a record's segments must be of one request, got requestId ${first.requestId} and ${requestId}`,
        { field: "requestId", value: requestId },
      );
    }
    this.#segments = segments.map(openSegment);
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

  /** Where the request is. */
  get status(): RecordStatus {
    return this.#current.status;
  }

  /** From the request's arrival to its first token in milliseconds; null before. Takes no look at events. */
  get ttftMs(): number | null {
    return this.#segments.find(({ ttftMs }) => ttftMs !== null)?.ttftMs ?? null;
  }

  get #current(): OpenSegment<Event> {
    return this.#segments.at(-1)!;
  }

  /** @internal Something other than a token happened; its event is given where it is kept. */
  add(type: RequestEventType, event: Event | null): void {
    if (type === "EVICT") this.checkpoint();
    const current = this.#current;
    current.status = STATUS_AFTER[type] ?? current.status;
    if (event !== null) current.events.push(event);
  }

  /** @internal A token was kept; its event is given where it is kept too. */
  addToken(tokenId: number, time: number, logprobs: StepLogprobs | null, event: Event | null): void {
    const current = this.#current;
    current.tokenIds.push(tokenId);
    current.ttftMs ??= toMicroseconds(time - current.arrival);
    if (logprobs !== null) (current.logprobs ??= []).push(logprobs);
    if (event !== null) current.events.push(event);
  }

  /** @internal Why it finished. */
  finish(reason: FinishReason, stopReason: string | number | null): void {
    this.#current.finishReason = reason;
    this.#current.stopReason = stopReason;
  }

  /**
   * Start a new segment where the last one was cut: what was generated becomes part of the prompt and is taken off the
   * budget, the lists are new, and everything else goes on as it was.
   *
   * @returns The new segment.
   */
  checkpoint(): RequestSegment<Event> {
    const last = this.#current;
    const { tokenIds, promptTokenIds } = last;
    last.status = "evicted";
    const next: OpenSegment<Event> = {
      ...last,
      promptTokenIds: promptTokenIds === null ? null : [...promptTokenIds, ...tokenIds],
      promptLength: last.promptLength + tokenIds.length,
      generatedBefore: last.generatedBefore + tokenIds.length,
      maxTokens: last.maxTokens - tokenIds.length,
      status: "queued",
      ttftMs: null,
      tokenIds: [],
      logprobs: null,
      events: [],
    };
    this.#segments.push(next);
    return next;
  }

  /**
   * All segments as one: identity, prompt and sampling of the first, status and finish reason of the last, and all
   * tokens, log-probabilities and events in order. The record itself stays as it is.
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

/** What an event makes of a request's status, where it makes something. */
const STATUS_AFTER: Partial<Record<RequestEventType, RecordStatus>> = {
  PREFILL_CHUNK: "running",
  ADD_CONTEXT: "running",
  PAUSE: "paused",
  RESUME: "running",
  FINISH: "finished",
  FAIL: "failed",
};

function openSegment<Event extends StoredEvent>(segment: RequestSegment<Event>): OpenSegment<Event> {
  const { tokenIds, logprobs, events } = segment;
  return {
    ...segment,
    tokenIds: [...tokenIds],
    logprobs: logprobs === null ? null : [...logprobs],
    events: [...events],
  };
}
