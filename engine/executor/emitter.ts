/**
 * What the executor emits: the events of requests in order, one output per flush.
 *
 * @module
 */
import type { Clock } from "../telemetry/clock.ts";
import type { UpbeatError } from "../../errors.ts";
import type { Delivery } from "../channel/messages.ts";
import type { ExecutorCounters } from "../telemetry/executor_counters.ts";
import { requestError } from "../events/event_payloads.ts";
import type { EventPayloads } from "../events/events.ts";
import type { FinishReason } from "../events/finish_reason.ts";
import type { Moment, RequestUpdate, StepUsage, TokenMoment } from "../events/moment.ts";
import type { Request } from "../scheduler/request.ts";
import type { ScheduledRequest } from "../scheduler/step_plan.ts";
import type { StepReports } from "./step_reports.ts";
import { MAX_LOGPROBS } from "../config/sampling_options.ts";
import type { StepResults } from "../runner/step_outputs.ts";

/** The types of {@linkcode Emitter.event}; tokens, ends and failures have methods of their own. */
export type EmittedEventType = "ERROR_TRANSIENT" | "PREFILL_CHUNK" | "ADD_CONTEXT" | "PAUSE" | "RESUME" | "EVICT";

/** Takes the outputs of an {@linkcode Emitter}. */
export interface OutputPort {
  /**
   * Send an output to the caller's side.
   *
   * @param output null: nothing happened since the last one.
   */
  send(output: Delivery | null): void;
}

/** What an emitter is made of. */
export interface EmitterParts {
  readonly port: OutputPort;
  readonly now: Clock;
  /** Tokens per chunk, after the first one. */
  readonly streamInterval: number;
  /** Reports of steps, sent along; null: there are none. */
  readonly reports: StepReports | null;
}

/**
 * Collects events and sends them, one output per {@linkcode Emitter.flush}.
 *
 * A request's events leave in the order in which they are added, each once. Tokens are buffered until their chunk is
 * complete: they leave with the token that ends the chunk, or before the request's next event of any other type. A token
 * that ends its request stays buffered until {@linkcode Emitter.finish}, so that both are in one output.
 */
export class Emitter {
  readonly #parts: EmitterParts;
  #updates = new Map<number, RequestUpdate>();
  readonly #buffering = new Set<Request>();

  /** @param parts What it is made of. */
  constructor(parts: EmitterParts) {
    this.#parts = parts;
  }

  /**
   * Add an event.
   *
   * @param request The request.
   * @param type What happened.
   * @param time When, in milliseconds; not before the request's last event.
   * @param payload The facts that belong to the type.
   */
  event<Type extends EmittedEventType>(request: Request, type: Type, time: number, payload: EventPayloads[Type]): void {
    this.#release(request);
    type Emitted = { [T in EmittedEventType]: { readonly type: T; readonly payload: EventPayloads[T] } };
    const event = { type, payload } as Emitted[EmittedEventType];
    switch (event.type) {
      case "ERROR_TRANSIENT":
        return this.#push(request, { type: "refused", time, error: event.payload });
      case "PREFILL_CHUNK":
        return this.#push(request, { type: "chunk", time, ...event.payload });
      case "ADD_CONTEXT":
        return this.#push(request, { type: "context", time });
      case "PAUSE":
        return this.#push(request, { type: "pause", time });
      case "RESUME":
        return this.#push(request, { type: "resume", time });
      case "EVICT":
        return this.#push(request, { type: "evict", time });
    }
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
   * Add a token, which is the last one of the request's `tokenIds`; `ending` must be set where it ends the request.
   *
   * @param request The request.
   * @param results What the step gave.
   * @param row The request's row in it.
   * @param time When the token was known to the host, in milliseconds.
   * @param usage How the KV cache stood; only requests that record their tokens get it.
   * @returns Whether the next output has it; else it is buffered.
   */
  token(request: Request, results: StepResults, row: number, time: number, usage: StepUsage | null): boolean {
    if (request.untold.push(tokenMoment(request, results, row, time, usage)) === 1) this.#buffering.add(request);
    const { length } = request.tokenIds;
    const endsChunk = length === 1 || length % this.#parts.streamInterval === 0;
    if (!endsChunk || request.ending !== null) return false;
    this.#release(request);
    return true;
  }

  /** Add the end of a request. @param time When, in milliseconds. */
  finish(request: Request, time: number, reason: FinishReason, stopReason: string | number | null): void {
    this.#release(request);
    this.#push(request, { type: "finish", time, reason, stopReason, wastedSteps: request.stepsInFlight });
  }

  /** Add the failure of a request with the executor. @param time When, in milliseconds. */
  fail(request: Request, time: number, error: UpbeatError): void {
    this.#release(request);
    this.#push(request, { type: "failure", time, error: requestError(error, request.id, false) });
  }

  /**
   * Send everything that is not buffered, or nothing.
   *
   * @param next What comes later happened at this time or after it, buffered tokens aside.
   * @param counters null: as before.
   */
  flush(next: number, counters: (() => ExecutorCounters) | null): void {
    const { port, now, reports } = this.#parts;
    const steps = reports?.take();
    if (this.#updates.size === 0 && steps === undefined) return port.send(null);
    const updates = [...this.#updates.values()];
    this.#updates = new Map();
    let settledUntil = next;
    for (const { untold } of this.#buffering) settledUntil = Math.min(settledUntil, untold[0]!.time);
    port.send({ updates, counters: counters?.() ?? null, emittedAt: now(), settledUntil, steps });
  }

  /** Send nothing, where a flush is due: their number per iteration is fixed. */
  skip(): void {
    this.#parts.port.send(null);
  }

  #release(request: Request): void {
    const { untold } = request;
    if (untold.length === 0) return;
    request.untold = [];
    this.#buffering.delete(request);
    for (const moment of untold) this.#push(request, moment);
  }

  #push(request: Request, moment: Moment): void {
    const update = this.#updates.get(request.id);
    if (update === undefined) this.#updates.set(request.id, { id: request.id, moments: [moment] });
    else update.moments.push(moment);
  }
}

/** A token with its log-probabilities where the request asks for them. */
function tokenMoment(
  request: Request,
  results: StepResults,
  row: number,
  time: number,
  usage: StepUsage | null,
): TokenMoment {
  const moment: Writable<TokenMoment> = { type: "token", time, tokenId: results.tokens[row]! };
  const count = request.sampling.logprobs;
  if (count >= 0) {
    const first = row * (1 + MAX_LOGPROBS);
    moment.logprob = results.logprobs[first]!;
    moment.topLogprobs = Array.from({ length: count }, (_, rank) => ({
      tokenId: results.logprobTokens[row * MAX_LOGPROBS + rank]!,
      logprob: results.logprobs[first + 1 + rank]!,
    }));
  }
  if (request.trackTokens && usage !== null) moment.usage = usage;
  return moment;
}

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };
