/**
 * One generation, as its caller sees it: a stream of events, a stream of text, a record, a result.
 *
 * @module
 */
import { chunkEnd } from "../channel/chunks.ts";
import type { RequestSink } from "../channel/step_output.ts";
import { deserializeError, toUpbeatError, UpbeatError } from "../../errors.ts";
import { EventOrder } from "../events/event_order.ts";
import { createEvent, requestError } from "../events/events.ts";
import {
  type CancelReason,
  type EventPayloads,
  isDetailType,
  type RequestEvent,
  type RequestEventType,
  type StepLogprobs,
} from "../events/event_types.ts";
import type { Completion, ExecutorEvent, StepUsage } from "../events/executor_event.ts";
import type { FinishReason } from "../events/finish_reason.ts";
import { RequestRecord, type SegmentRequest } from "../events/request_record.ts";
import { check, count } from "../events/schema.ts";
import { TokenColumns } from "../events/token_columns.ts";
import type { GenerationChunk, GenerationMetrics, GenerationResult } from "./generation_result.ts";
import type { GenerationSetup } from "./generation_setup.ts";
import { Outcome } from "./outcome.ts";
import { MetricsAccumulator, type RequestMetrics } from "../telemetry/request_metrics.ts";
import { GeneratedText } from "../text/streaming/generated_text.ts";

/**
 * A request in progress. Iterate it for typed events, {@linkcode Generation.text} for text alone, or await
 * {@linkcode Generation.result}; all three work at the same time, and each iterator starts at the beginning.
 *
 * Leaving a loop early cancels the request, which then ends quietly. A signal that aborts is an error: loops throw its
 * reason.
 *
 * @example
 * ```ts
 * for await (const event of engine.generate("Once upon a time")) {
 *   if (event.type === "GENERATED_TOKEN") console.log(event.payload.tokenId, event.payload.text);
 * }
 * ```
 */
export class Generation implements AsyncIterable<RequestEvent>, RequestSink, Disposable {
  /** The request's number, unique within the engine. */
  readonly requestId: number;
  /**
   * Settles when it is over. A cancelled generation resolves with finish reason `"cancelled"`; a failed one rejects
   * with an {@linkcode UpbeatError}, and one whose signal has aborted with an {@linkcode AbortedError}.
   */
  readonly result: Promise<GenerationResult>;
  /** Its record so far, also when it fails. */
  readonly record: RequestRecord;

  #setup: GenerationSetup;
  readonly #order = new EventOrder();
  readonly #columns: TokenColumns;
  readonly #measured: MetricsAccumulator;
  #text: GeneratedText | null;
  readonly #outcome = new Outcome();
  /** Text of tokens that became certain only at the end. */
  #lastText = "";
  /** Why it ended, where it did not fail. */
  #finishReason: FinishReason | null = null;
  #isOver = false;
  #isCancelled = false;
  /** A cancel whose event is not placed among the executor's events yet. */
  #pendingCancel: { readonly time: number; readonly reason: CancelReason } | null = null;
  /** Resolves with the next output; null when nothing waits for it. */
  #wake: PromiseWithResolvers<void> | null = null;

  /** @internal Made by `Engine.generate`. */
  constructor(setup: GenerationSetup) {
    const { request, tokenTable, tokenizeMs, totals } = setup;
    const { requestId, promptTokenIds, arrival } = request;
    this.#setup = setup;
    this.requestId = requestId;
    this.result = this.#outcome.result;
    this.#columns = new TokenColumns(requestId, request.tracking);
    this.record = RequestRecord.of(request, this.#columns, tokenTable);
    this.#measured = new MetricsAccumulator(arrival, tokenizeMs, totals);
    this.#text = tokenTable === null || promptTokenIds === null
      ? null
      : new GeneratedText(tokenTable, { ...request, promptTokenIds });
    this.#emit("ADD_ENGINE", arrival, null);
  }

  /**
   * @internal Its prompt has been encoded.
   *
   * @param request The request, of which only the prompt and the sampling were unknown.
   * @param tokenizeMs Time to turn the prompt into tokens.
   */
  start(request: SegmentRequest & { readonly promptTokenIds: Int32Array }, tokenizeMs: number): void {
    const { tokenTable } = this.#setup;
    this.#setup = { ...this.#setup, request };
    this.#text = tokenTable === null ? null : new GeneratedText(tokenTable, request);
    this.record.start(request);
    this.#measured.tokenizeMs = tokenizeMs;
  }

  /** Whether it has finished or failed. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** @internal Whether its signal has aborted before its end. */
  get isAborted(): boolean {
    return this.#outcome.isAborted;
  }

  /** Whether it was admitted to a batch. */
  get wasAdmitted(): boolean {
    return this.#measured.wasScheduled;
  }

  /** @internal Later events of this side are not older than this. */
  get watermark(): number {
    return this.#pendingCancel?.time ?? Infinity;
  }

  /** Times and counts so far. */
  get metrics(): RequestMetrics {
    return this.#measured.metrics(this.#setup.request.tracking.generatedTokens ? this.#columns.tokenTimes : null);
  }

  /**
   * Cancel it; the tokens generated so far stay. Does nothing when it is over.
   *
   * @param reason The reason, part of its `CANCEL` event.
   */
  cancel(reason: CancelReason = "user"): void {
    if (this.#isOver || this.#isCancelled) return;
    this.#isCancelled = true;
    this.#pendingCancel = { time: this.#setup.now(), reason };
    this.#setup.onCancel();
  }

  /**
   * @internal Its signal has aborted: cancel it, and let loops and the result throw. Does nothing once it is over or
   * cancelled.
   *
   * @param reason The signal's reason.
   * @param cancelReason The reason of the cancellation.
   */
  abort(reason: unknown, cancelReason: CancelReason): void {
    if (this.#isOver || this.#isCancelled) return;
    this.#outcome.abort(reason);
    this.cancel(cancelReason);
    this.notify();
  }

  /** Cancels, at the end of a `using` scope. */
  [Symbol.dispose](): void {
    this.cancel();
  }

  /**
   * The events from the beginning on, each as soon as it is known. Ends after the terminal event.
   *
   * @throws {UpbeatError} After the last event, when the generation fails; the signal's reason when it was aborted.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<RequestEvent, void, undefined> {
    const cursor = { tokens: 0, events: 0 };
    try {
      while (true) {
        for (let event = this.#columns.next(cursor); event !== null; event = this.#columns.next(cursor)) yield event;
        if (this.#isOver) break;
        await this.#nextOutput();
      }
      this.#outcome.throwIfFailed();
    } finally {
      this.cancel();
    }
  }

  /**
   * Tokens and text from the beginning on, in chunks. Where they end depends on the number of tokens alone; a
   * generation that does not fail has exactly one chunk with a finish reason, its last.
   *
   * @throws {UpbeatError} In the loop, when the generation fails; the signal's reason as soon as it aborts.
   * @example
   * ```ts
   * for await (const { text, tokenIds, finishReason } of engine.generate("Once upon a time").chunks()) {
   *   console.log(tokenIds.length, text, finishReason);
   * }
   * ```
   */
  async *chunks(): AsyncGenerator<GenerationChunk, void, undefined> {
    const { tokenIds } = this.#columns;
    let start = 0;
    try {
      while (true) {
        const end = chunkEnd(start, this.#setup.streamInterval);
        while (tokenIds.length < end && !this.#isOver && !this.isAborted) await this.#nextOutput();
        this.#outcome.throwIfAborted();
        if (tokenIds.length < end || this.#endsWith(end)) break;
        yield this.#chunk(start, end, null);
        start = end;
      }
      if (this.#finishReason !== null || start < tokenIds.length) {
        yield this.#chunk(start, tokenIds.length, this.#finishReason);
      }
      this.#outcome.throwIfFailed();
    } finally {
      this.cancel();
    }
  }

  /**
   * The text from the beginning on, in pieces, each as soon as it is certain.
   *
   * @throws {UpbeatError} In the loop, when the generation fails; the signal's reason as soon as it aborts.
   */
  async *text(): AsyncGenerator<string, void, undefined> {
    for await (const { text } of this.chunks()) if (text !== "") yield text;
  }

  /** Whether the token before `end` ended it. A cancel comes between tokens, and has a chunk of its own. */
  #endsWith(end: number): boolean {
    return end === this.#columns.tokenIds.length && this.#finishReason !== null && this.#finishReason !== "cancelled";
  }

  #chunk(start: number, end: number, finishReason: FinishReason | null): GenerationChunk {
    const { tokenIds, texts } = this.#columns;
    const text = texts.slice(start, end).join("") + (finishReason === null ? "" : this.#lastText);
    return { text, tokenIds: tokenIds.slice(start, end), finishReason };
  }

  #nextOutput(): Promise<void> {
    this.#wake ??= Promise.withResolvers<void>();
    return this.#wake.promise;
  }

  // ---- From the executor -------------------------------------------------------------------------------------------
  // An illegal event fails the request with the reason, and cancels it on the executor's side.

  /** @internal See `RequestSink`. */
  onToken(
    tokenId: number,
    time: number,
    emittedAt: number,
    logprobs: StepLogprobs | null,
    usage: StepUsage | null,
  ): void {
    if (this.#isOver) return;
    try {
      this.#placeCancel(time);
      const timestamp = this.#timeOf(time);
      // Checked here, as the event is created when it is read, and must not fail there.
      check(tokenId, count, "payload.tokenId", "EVENT_INVALID");
      this.#order.accept("GENERATED_TOKEN", timestamp);
      this.#measured.token(timestamp, emittedAt);
      this.#columns.addToken(tokenId, timestamp, emittedAt, this.#text?.push(tokenId) ?? "", logprobs, usage);
      const { listener } = this.#setup.tap;
      if (listener !== null) listener(this.#columns.tokenEvent(this.#columns.tokenIds.length - 1));
    } catch (thrown) {
      this.#failInvalid(thrown);
    }
  }

  /** @internal See `RequestSink`. */
  onEvent(event: ExecutorEvent): void {
    if (this.#isOver) return;
    const { type, timestamp, payload } = event;
    try {
      this.#placeCancel(timestamp);
      const time = this.#timeOf(timestamp);
      if (type === "ERROR_NONTRANSIENT") return this.#failWith([deserializeError(payload)], time, false);
      this.#emit(type, time, payload);
      if (type === "PREFILL_CHUNK") this.#measured.chunk(time, payload.cached);
      else if (type === "EVICT") this.#measured.evicted();
    } catch (thrown) {
      this.#failInvalid(thrown);
    }
  }

  /** @internal See `RequestSink`. */
  onFinish(time: number, completion: Completion): void {
    if (this.#isOver) return;
    try {
      const wasCancelled = completion.reason === "cancelled";
      // When a drain's deadline passes, the executor is the first to know.
      if (wasCancelled && !this.#isCancelled) this.#pendingCancel = { time, reason: "shutdown" };
      this.#placeCancel(wasCancelled ? Infinity : time);
      this.#finish(this.#timeOf(time), completion);
    } catch (thrown) {
      this.#failInvalid(thrown);
    }
  }

  /** @internal The output is complete: wakes iterators. */
  notify(): void {
    this.#wake?.resolve();
    this.#wake = null;
  }

  /** @internal End it from this side, where it was aborted before it was sent to the executor. */
  endUnsent(): void {
    this.onFinish(this.#setup.now(), { reason: "cancelled", stopReason: null, wastedSteps: 0 });
    this.notify();
  }

  /**
   * @internal Fail it from this side.
   *
   * @param errors At least one; the first one is what the result rejects with.
   * @param transient Whether the same request may succeed later.
   */
  fail(errors: readonly UpbeatError[], transient = false): void {
    if (this.#isOver) return;
    this.#failWith(errors, this.#setup.now(), transient);
    this.notify();
  }

  // ---- Events ------------------------------------------------------------------------------------------------------

  /**
   * The time of the next event. The threads' clocks agree to their resolution only: an answer of one thread to the
   * other must not have an earlier time.
   */
  #timeOf(time: number): number {
    return Math.max(time, this.#order.lastTime);
  }

  /** Adds an event other than a token. */
  #emit<Type extends RequestEventType>(
    type: Type,
    time: number,
    payload: EventPayloads[Type],
    finishReason: FinishReason | null = null,
  ): void {
    const event = createEvent(this.requestId, type, time, payload) as RequestEvent;
    this.#order.accept(type, time, finishReason);
    this.record.advance(type);
    if (isDetailType(type) && !this.#setup.request.tracking.details) return;
    this.#columns.addEvent(event);
    this.#setup.tap.listener?.(event);
  }

  /** Places a cancel by its time: events of the executor that arrive after it may be older. */
  #placeCancel(next: number): void {
    if (this.#pendingCancel === null || next < this.#pendingCancel.time) return;
    const { time, reason } = this.#pendingCancel;
    this.#pendingCancel = null;
    this.#emit("CANCEL", this.#timeOf(time), { reason });
  }

  // ---- Ends --------------------------------------------------------------------------------------------------------

  #finish(time: number, { reason, stopReason, wastedSteps }: Completion): void {
    this.#emit("FINISH", time, null, reason);
    this.record.finish(reason, stopReason);
    this.#measured.over(time, wastedSteps, reason === "cancelled" ? "cancelled" : "finished");
    // A cancel comes between tokens: buffered text belongs to the tokens before it.
    this.#lastText = this.#text?.end() ?? "";
    this.#finishReason = reason;
    this.#isOver = true;
    const { promptTokenIds, promptLength, sampling } = this.#setup.request;
    const { tokenIds, texts, logprobs } = this.#columns;
    this.#outcome.finish({
      text: texts.join("") + this.#lastText,
      tokenIds: tokenIds.slice(),
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

  #failInvalid(thrown: unknown): void {
    this.#setup.onCancel();
    this.#failWith([toUpbeatError(thrown)], this.#setup.now(), false);
  }

  #failWith(errors: readonly UpbeatError[], failedAt: number, transient: boolean): void {
    this.#placeCancel(Infinity);
    const time = this.#timeOf(failedAt);
    for (const error of errors) {
      this.#emit(
        transient ? "ERROR_TRANSIENT" : "ERROR_NONTRANSIENT",
        time,
        requestError(error, this.requestId, transient),
      );
    }
    this.#emit("FAIL", time, null);
    this.#measured.over(time, null, "failed");
    this.#isOver = true;
    const { texts, tokenIds } = this.#columns;
    this.#outcome.fail(errors[0]!, { text: texts.join(""), tokenIds: tokenIds.slice() });
  }
}
