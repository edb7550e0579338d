/**
 * One generation, as its caller sees it: a stream of events, a stream of text, a record, a result.
 *
 * @module
 */
import type { Clock } from "../telemetry/clock.ts";
import { deserializeError, toUpbeatError, UpbeatError } from "../../errors.ts";
import { EventOrder } from "../events/event_order.ts";
import { checkPayload, requestError } from "../events/event_payloads.ts";
import { integerOf } from "../events/payload_checks.ts";
import {
  type CancelReason,
  createEvent,
  type EventPayloads,
  isDetailType,
  type RequestError,
  type RequestEvent,
  type RequestEventType,
} from "../events/events.ts";
import type { GenerationChunk, GenerationMetrics, GenerationResult } from "./generation_result.ts";
import { MetricsAccumulator, type RequestMetrics } from "../telemetry/request_metrics.ts";
import type { Moment, RequestUpdate } from "../events/moment.ts";
import type { FinishReason } from "../events/finish_reason.ts";
import { newSegment, RequestRecord, type SegmentRequest } from "../events/request_record.ts";
import type { RequestTotals } from "../telemetry/engine_stats.ts";
import { ChunkEnds } from "./chunk_ends.ts";
import { GeneratedText } from "../text/streaming/generated_text.ts";
import type { TokenTable } from "../text/tokenizer/token_table.ts";
import { TokenColumns } from "./token_columns.ts";

/** Where the events of all of an engine's requests pass. Without a listener nothing is made for it. */
export interface EventSink {
  listener: ((event: RequestEvent) => void) | null;
}

/** What a generation is made of. */
export interface GenerationSetup {
  readonly request: SegmentRequest;
  /** Time to turn the prompt into tokens; null where it was given as tokens. */
  readonly tokenizeMs: number | null;
  /** null: the model has no tokenizer, text stays empty. */
  readonly tokenTable: TokenTable | null;
  /** Tokens per chunk, after the first one. */
  readonly streamInterval: number;
  readonly now: Clock;
  readonly sink: EventSink;
  /** Counts and times over all requests. */
  readonly totals: RequestTotals;
  /** Called when it is to end: by its caller, or because it cannot go on. */
  readonly onCancel: () => void;
}

/**
 * A request in progress. Iterate it for typed events, {@linkcode Generation.text} for text alone, or await
 * {@linkcode Generation.result}; all three work at the same time, and each iterator starts at the beginning.
 *
 * Leaving a loop early cancels the request.
 *
 * @example
 * ```ts
 * for await (const event of engine.generate("Once upon a time")) {
 *   if (event.type === "GENERATED_TOKEN") console.log(event.payload.tokenId, event.payload.text);
 * }
 * ```
 */
export class Generation implements AsyncIterable<RequestEvent>, Disposable {
  /** The request's number, unique within the engine. */
  readonly requestId: number;
  /**
   * What it came to, when it is over. A cancelled generation resolves, with finish reason `"cancelled"`; a failed one
   * rejects with an {@linkcode UpbeatError}.
   */
  readonly result: Promise<GenerationResult>;
  /** What is kept of its life so far, also when it fails. */
  readonly record: RequestRecord;

  readonly #setup: GenerationSetup;
  readonly #log = new EventOrder();
  readonly #timeline: TokenColumns;
  readonly #measured: MetricsAccumulator;
  readonly #text: GeneratedText | null;
  readonly #resolve: (result: GenerationResult) => void;
  readonly #reject: (error: UpbeatError) => void;
  readonly #chunks: ChunkEnds;
  /** Text of tokens that became certain only at the end. */
  #lastText = "";
  /** Why it ended, where it did not fail. */
  #finishReason: FinishReason | null = null;
  #error: UpbeatError | null = null;
  #isOver = false;
  #cancelAsked = false;
  /** A cancel whose event has not found its place between the moments of the other thread yet. */
  #pendingCancel: { readonly time: number; readonly reason: CancelReason } | null = null;
  #wake = Promise.withResolvers<void>();

  /** @internal Made by `Engine.generate`. */
  constructor(setup: GenerationSetup) {
    const { request, tokenTable, tokenizeMs, totals } = setup;
    const { requestId, promptTokenIds, arrival } = request;
    this.#setup = setup;
    this.requestId = requestId;
    const { promise, resolve, reject } = Promise.withResolvers<GenerationResult>();
    this.result = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    // Who only iterates hears of a failure there; that must not be an unhandled rejection.
    promise.catch(() => {});
    this.record = new RequestRecord([newSegment(request)], tokenTable);
    this.#timeline = new TokenColumns(requestId);
    this.#chunks = new ChunkEnds(setup.streamInterval);
    this.#measured = new MetricsAccumulator(arrival, tokenizeMs, totals);
    this.#text = tokenTable === null || promptTokenIds === null
      ? null
      : new GeneratedText(tokenTable, { ...request, promptTokenIds });
    this.#emit("ADD_ENGINE", arrival, null);
  }

  /** Whether it has ended, in whatever way. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether a step has computed some of it, so that it no longer waits for its first admission. */
  get wasAdmitted(): boolean {
    return this.#measured.wasScheduled;
  }

  /** @internal No event of it from before this time is to come, for all that this side knows. */
  get settledUntil(): number {
    return this.#pendingCancel?.time ?? Infinity;
  }

  /** Times and counts so far. */
  get metrics(): RequestMetrics {
    return this.#measured.metrics(this.#setup.request.tracking.generatedTokens ? this.#timeline.tokenTimes : null);
  }

  /**
   * End it as soon as possible; what was generated stays. Does nothing when it is over.
   *
   * @param reason Who wants it; kept in its `CANCEL` event.
   */
  cancel(reason: CancelReason = "user"): void {
    if (this.#isOver || this.#cancelAsked) return;
    this.#cancelAsked = true;
    this.#pendingCancel = { time: this.#setup.now(), reason };
    this.#setup.onCancel();
  }

  /** Cancels, at the end of a `using` scope. */
  [Symbol.dispose](): void {
    this.cancel();
  }

  /** The events from the beginning on, each as soon as it is there. Ends after the terminal event. */
  async *[Symbol.asyncIterator](): AsyncGenerator<RequestEvent, void, undefined> {
    const cursor = { tokens: 0, events: 0 };
    try {
      while (true) {
        for (let event = this.#timeline.next(cursor); event !== null; event = this.#timeline.next(cursor)) yield event;
        if (this.#isOver) return;
        await this.#wake.promise;
      }
    } finally {
      this.cancel();
    }
  }

  /**
   * Tokens and text from the beginning on, in the pieces in which they are handed over. Where the pieces end depends on the
   * number of tokens alone; a generation that does not fail has exactly one with a finish reason, its last.
   *
   * @throws {UpbeatError} In the loop, when the generation fails.
   * @example
   * ```ts
   * for await (const { text, tokenIds, finishReason } of engine.generate("Once upon a time").chunks()) {
   *   console.log(tokenIds.length, text, finishReason);
   * }
   * ```
   */
  async *chunks(): AsyncGenerator<GenerationChunk, void, undefined> {
    const { tokenIds, texts } = this.#timeline;
    const { ends } = this.#chunks;
    let start = 0;
    try {
      for (let index = 0; true; index++) {
        while (ends[index] === undefined && !this.#isOver) await this.#wake.promise;
        const end = ends[index];
        if (end === undefined) break;
        const isLast = index === ends.length - 1 && this.#finishReason !== null;
        yield {
          text: texts.slice(start, end).join("") + (isLast ? this.#lastText : ""),
          tokenIds: tokenIds.slice(start, end),
          finishReason: isLast ? this.#finishReason : null,
        };
        start = end;
      }
      if (this.#error !== null) throw this.#error;
    } finally {
      this.cancel();
    }
  }

  /**
   * The text from the beginning on, in pieces, each as soon as it is certain.
   *
   * @throws {UpbeatError} In the loop, when the generation fails.
   */
  async *text(): AsyncGenerator<string, void, undefined> {
    for await (const { text } of this.chunks()) if (text !== "") yield text;
  }

  /**
   * @internal Take what the executor says. A moment that has no legal place in the request's life fails the request with
   * the reason, and ends it on the other side.
   */
  handleUpdate(update: RequestUpdate, emittedAt: number): void {
    for (const moment of update.moments) {
      if (this.#isOver) break;
      try {
        this.#handle(moment, emittedAt);
      } catch (thrown) {
        this.#setup.onCancel();
        this.#failWith([toUpbeatError(thrown)], this.#setup.now(), false);
      }
    }
    this.#chunks.settle();
    this.#notify();
  }

  /**
   * @internal Fail it for reasons outside the request's own steps.
   *
   * @param errors One at least; the first one is what the result rejects with.
   * @param transient Whether the same request may succeed later.
   */
  fail(errors: readonly UpbeatError[], transient = false): void {
    if (this.#isOver) return;
    this.#failWith(errors, this.#setup.now(), transient);
    this.#notify();
  }

  // ---- Moments to events -------------------------------------------------------------------------------------------

  #handle(moment: Moment, emittedAt: number): void {
    this.#placeCancel(moment);
    const time = this.#timeOf(moment.time);
    switch (moment.type) {
      case "refused":
        return this.#emit(errorType(moment.error), time, moment.error);
      case "chunk": {
        const { tokens, computed, total, cached } = moment;
        this.#emit("PREFILL_CHUNK", time, { tokens, computed, total, cached });
        return this.#measured.chunk(time, cached);
      }
      case "context":
        return this.#emit("ADD_CONTEXT", time, null);
      case "token":
        return this.#addToken(moment, time, emittedAt);
      case "pause":
        return this.#emit("PAUSE", time, null);
      case "resume":
        return this.#emit("RESUME", time, null);
      case "evict":
        this.#emit("EVICT", time, null);
        return this.#measured.evicted();
      case "finish":
        return this.#finish(moment, time);
      case "failure": {
        const { error } = moment;
        return this.#failWith([deserializeError(error)], time, error.transient);
      }
    }
  }

  /**
   * A time for the next event. The clocks of two threads agree to their resolution; what one thread did in answer to the
   * other must not seem to come before it.
   */
  #timeOf(time: number): number {
    return Math.max(time, this.#log.lastTime);
  }

  /** Add anything but a token: to the record where it is kept, and to the stream where it is shown. */
  #emit<Type extends RequestEventType>(
    type: Type,
    time: number,
    payload: EventPayloads[Type],
    finishReason: FinishReason | null = null,
  ): void {
    const event = createEvent(this.requestId, type, time, payload) as RequestEvent;
    this.#log.accept(type, time, finishReason);
    const { tracking } = this.#setup.request;
    const isShown = tracking.details || !isDetailType(type);
    const isKept = isShown && (tracking.pauses || (type !== "PAUSE" && type !== "RESUME"));
    this.record.add(type, isKept ? event : null);
    if (!isShown) return;
    this.#timeline.addEvent(event);
    this.#setup.sink.listener?.(event);
  }

  /** The executor may not have heard of a cancel when a moment happened; the event stands where its time says. */
  #placeCancel(moment: Moment): void {
    if (this.#pendingCancel === null) return;
    const isAnswer = moment.type === "finish" && moment.reason === "cancelled";
    if (isAnswer || moment.time >= this.#pendingCancel.time) this.#emitCancel();
  }

  #emitCancel(): void {
    const { time, reason } = this.#pendingCancel!;
    this.#pendingCancel = null;
    this.#emit("CANCEL", this.#timeOf(time), { reason });
  }

  #addToken(moment: Extract<Moment, { type: "token" }>, time: number, emittedAt: number): void {
    const { tokenId, logprob, topLogprobs, usage } = moment;
    const isKept = this.#setup.request.tracking.generatedTokens;
    const logprobs = logprob === undefined ? null : { tokenId, logprob, top: topLogprobs ?? [] };
    const details = isKept ? { emittedAt, ...usage } : null;
    // Checked here, as its event is made when somebody asks for it, and must not fail there.
    if (details === null) integerOf("payload.tokenId", tokenId);
    else checkPayload("GENERATED_TOKEN", this.requestId, { tokenId, text: "", ...details });
    this.#log.accept("GENERATED_TOKEN", time);
    this.#measured.token(time, emittedAt);
    this.#timeline.addToken(tokenId, time, this.#text?.push(tokenId) ?? "", logprobs, details);
    this.#chunks.addToken();
    const { listener } = this.#setup.sink;
    const event = isKept || listener !== null ? this.#timeline.tokenEvent(this.#timeline.tokenIds.length - 1) : null;
    this.record.addToken(tokenId, time, logprobs, isKept ? event : null);
    if (event !== null) listener?.(event);
  }

  // ---- Ends --------------------------------------------------------------------------------------------------------

  #finish({ reason, stopReason, wastedSteps }: Extract<Moment, { type: "finish" }>, time: number): void {
    this.#emit("FINISH", time, null, reason);
    this.record.finish(reason, stopReason);
    this.#measured.over(time, wastedSteps, reason === "cancelled" ? "cancelled" : "finished");
    // A cancelled request ends between tokens; text still held back belongs to the tokens that were generated.
    this.#lastText = this.#text?.end() ?? "";
    this.#finishReason = reason;
    this.#chunks.end(reason);
    this.#isOver = true;
    const { promptTokenIds, promptLength, sampling } = this.#setup.request;
    const { tokenIds, texts, logprobs } = this.#timeline;
    this.#resolve({
      text: texts.join("") + this.#lastText,
      tokenIds,
      promptTokenIds: Array.from(promptTokenIds ?? []),
      finishReason: reason,
      stopReason,
      seed: sampling?.seed ?? 0,
      usage: { promptTokens: promptLength, completionTokens: tokenIds.length },
      metrics: this.metrics as GenerationMetrics,
      logprobs: logprobs.length > 0 ? logprobs : null,
      record: this.record,
    });
  }

  #failWith(errors: readonly UpbeatError[], moment: number, transient: boolean): void {
    if (this.#pendingCancel !== null) this.#emitCancel();
    const time = this.#timeOf(moment);
    for (const error of errors) {
      const payload = requestError(error, this.requestId, transient);
      this.#emit(errorType(payload), time, payload);
    }
    this.#emit("FAIL", time, null);
    this.#measured.over(time, null, "failed");
    this.#chunks.fail();
    this.#isOver = true;
    this.#error = errors[0]!;
    this.#reject(this.#error);
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

function errorType({ transient }: RequestError): "ERROR_TRANSIENT" | "ERROR_NONTRANSIENT" {
  return transient ? "ERROR_TRANSIENT" : "ERROR_NONTRANSIENT";
}
