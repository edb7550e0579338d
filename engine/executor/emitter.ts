/**
 * Emits the events of requests in order, one output per flush.
 *
 * @module
 */
import type { Clock } from "../telemetry/clock.ts";
import type { UpbeatError } from "../../errors.ts";
import { chunkEnd } from "../channel/chunks.ts";
import { type EncodedOutput, OutputWriter } from "../channel/step_output.ts";
import type { ExecutorCounters } from "../telemetry/executor_counters.ts";
import { requestError } from "../events/events.ts";
import type { EventPayloads, StepLogprobs } from "../events/event_types.ts";
import type { EmittedToken, ExecutorEvent, ExecutorEventType, StepUsage } from "../events/executor_event.ts";
import type { FinishReason } from "../events/finish_reason.ts";
import type { Request } from "../scheduler/request.ts";
import type { ScheduledRequest } from "../scheduler/step_plan.ts";
import type { StepReports } from "./step_reports.ts";
import { MAX_LOGPROBS } from "../config/sampling_options.ts";
import type { StepResults } from "../runner/step_results.ts";

/** Takes the outputs of an {@linkcode Emitter}. */
export interface OutputPort {
  /**
   * Send an output to the caller's side.
   *
   * @param output Valid during the call; null: nothing to send.
   */
  send(output: EncodedOutput | null): void;
}

/** The parts of an emitter. */
export interface EmitterParts {
  readonly port: OutputPort;
  readonly now: Clock;
  /** Tokens per chunk, after the first one. */
  readonly streamInterval: number;
  /** Reports of steps, sent along; null: there are none. */
  readonly reports: StepReports | null;
}

/**
 * Writes events as they happen, and sends them as one output per {@linkcode Emitter.flush}.
 *
 * A request's events leave in the order in which they are added, each once. Tokens are buffered until their chunk is
 * complete: they leave with the token that ends the chunk, or before the request's next event of any other type. A
 * token that ends its request stays buffered until {@linkcode Emitter.finish}, so that both are in one output.
 */
export class Emitter {
  readonly #parts: EmitterParts;
  readonly #writer = new OutputWriter();
  /** Tokens not yet written, by request; removed when they are written, so that none is sent twice. */
  readonly #buffered = new Map<Request, EmittedToken[]>();
  #hasFailed = false;

  /** @param parts Its parts. */
  constructor(parts: EmitterParts) {
    this.#parts = parts;
  }

  /**
   * Add an event.
   *
   * @param request The request.
   * @param type What happened.
   * @param time When, in milliseconds; not before the request's last event.
   * @param payload The payload of the type.
   */
  event<Type extends ExecutorEventType>(
    request: Request,
    type: Type,
    time: number,
    payload: EventPayloads[Type],
  ): void {
    this.#release(request);
    this.#writer.event({ requestId: request.id, type, timestamp: time, payload } as ExecutorEvent);
  }

  /**
   * Add a chunk of a prompt, just before the forward pass that computes it, and the context with the last one.
   *
   * @param scheduled The request's share of the step.
   * @param time When the launch began, in milliseconds.
   */
  chunk({ request, start, count, samples }: ScheduledRequest, time: number): void {
    const { contextTokens: total, cachedTokens: cached } = request;
    this.event(request, "PREFILL_CHUNK", time, { tokens: count, computed: start + count, total, cached });
    if (samples) this.event(request, "ADD_CONTEXT", time, null);
  }

  /**
   * Add a token: the last one of the request's `tokenIds`. `ending` must be set where it ends the request.
   *
   * @param request The request.
   * @param results The results of its step.
   * @param row The request's row in it.
   * @param time When the token was known to the host, in milliseconds.
   * @param usage The usage of the KV cache; only sent for requests that record their tokens.
   * @returns Whether it is in the next output; else it is buffered.
   */
  token(request: Request, results: StepResults, row: number, time: number, usage: StepUsage | null): boolean {
    const tokenId = results.tokens[row]!;
    const logprobs = request.sampling.logprobs < 0 ? null : logprobsOf(results, row, request.sampling.logprobs);
    const recorded = request.trackTokens ? usage : null;
    const count = request.tokenIds.length;
    if (request.ending !== null || count !== chunkEnd(count - 1, this.#parts.streamInterval)) {
      const token = { tokenId, time, logprobs, usage: recorded };
      const buffered = this.#buffered.get(request);
      if (buffered === undefined) this.#buffered.set(request, [token]);
      else buffered.push(token);
      return false;
    }
    this.#release(request);
    this.#writer.token(request.id, tokenId, time, logprobs, recorded);
    return true;
  }

  /**
   * Add the end of a request.
   *
   * @param request The request; its steps in flight are wasted.
   * @param time When, in milliseconds.
   * @param reason The finish reason.
   * @param stopReason The stop string or token that ended it; null where none did.
   */
  finish(request: Request, time: number, reason: FinishReason, stopReason: string | number | null): void {
    this.#release(request);
    this.#writer.finish(request.id, time, { reason, stopReason, wastedSteps: request.stepsInFlight });
  }

  /**
   * Add the failure of a request.
   *
   * @param request The request.
   * @param time When, in milliseconds.
   * @param error The cause.
   */
  fail(request: Request, time: number, error: UpbeatError): void {
    this.event(request, "ERROR_NONTRANSIENT", time, requestError(error, request.id, false));
  }

  /**
   * Add the failure of the executor. The next output is the last one.
   *
   * @param requests All live requests.
   * @param time When, in milliseconds.
   * @param error The cause.
   */
  failAll(requests: Iterable<Request>, time: number, error: UpbeatError): void {
    for (const request of requests) this.fail(request, time, error);
    this.#hasFailed = true;
  }

  /**
   * Send everything but buffered tokens; null where that is nothing.
   *
   * @param next Later events, apart from buffered tokens, are not older than this.
   * @param counters null: unchanged.
   */
  flush(next: number, counters: (() => ExecutorCounters) | null): void {
    const { port, now, reports } = this.#parts;
    for (const report of reports?.take() ?? []) this.#writer.step(report);
    if (this.#writer.isEmpty) return port.send(null);
    let watermark = next;
    for (const [oldest] of this.#buffered.values()) watermark = Math.min(watermark, oldest!.time);
    const header = { counters: counters?.() ?? null, emittedAt: now(), watermark };
    port.send(this.#writer.complete(header, this.#hasFailed));
  }

  /** Send null in place of a flush: their number per iteration is fixed. */
  skip(): void {
    this.#parts.port.send(null);
  }

  /** Writes a request's buffered tokens. */
  #release(request: Request): void {
    const buffered = this.#buffered.get(request);
    if (buffered === undefined) return;
    this.#buffered.delete(request);
    for (const { tokenId, time, logprobs, usage } of buffered) {
      this.#writer.token(request.id, tokenId, time, logprobs, usage);
    }
  }
}

/** The log-probabilities of a row: of its token, then of the likeliest ones. */
function logprobsOf({ tokens, logprobs, logprobTokens }: StepResults, row: number, candidates: number): StepLogprobs {
  const first = row * (1 + MAX_LOGPROBS);
  const top = Array.from({ length: candidates }, (_, rank) => ({
    tokenId: logprobTokens[row * MAX_LOGPROBS + rank]!,
    logprob: logprobs[first + 1 + rank]!,
  }));
  return { tokenId: tokens[row]!, logprob: logprobs[first]!, top };
}
