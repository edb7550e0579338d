/**
 * The executor: one loop that takes requests in and gives tokens out.
 *
 * It runs on a thread of its own and owns all requests and the device. It waits for a message in `#rest` only, when there is
 * nothing to do, and for the device in `#resolve` and, as long as there is time, in `#takeMessages`.
 *
 * The overlap loop launches step k before it reads step k - 1, so that the device always has work while the host reads,
 * decides and tells: the tokens that step k - 1 samples go into step k on the device, unseen (as in TensorRT-LLM's
 * PyExecutor and SGLang's overlap scheduler). The plain loop beside it runs one step at a time. Both give the same tokens.
 *
 * @module
 */
import type { StepRunner } from "../runner/step_runner.ts";
import type { Clock } from "../telemetry/clock.ts";
import { toUpbeatError, UpbeatError } from "../../errors.ts";
import { requestError } from "../events/event_payloads.ts";
import { Inbox, type MessageSource } from "./inbox.ts";
import type { KvBlockPool } from "../scheduler/kv_block_pool.ts";
import type { Log } from "../telemetry/log.ts";
import { LaunchGate } from "./launch_gate.ts";
import type { Delivery } from "../channel/messages.ts";
import type { ExecutorCounters } from "../telemetry/executor_counters.ts";
import type { ResolvedEngineOptions } from "../config/resolved_options.ts";
import type { Request } from "../scheduler/request.ts";
import type { FinishReason } from "../events/finish_reason.ts";
import type { Scheduler, SchedulingListener } from "../scheduler/scheduler.ts";
import { bringsFirstTokens, endsWithFirstToken, isKnown, isPrefill, type StepInFlight } from "./step_in_flight.ts";
import type { Step } from "../scheduler/step_plan.ts";
import type { StepReports } from "./step_reports.ts";
import { chunkMoment, tokenMoment, Updates, usageOf } from "./updates.ts";

/** How the executor hears and speaks. */
export interface ExecutorPort extends MessageSource {
  /**
   * Hand over what became of requests. An iteration that launches or reads a step calls this twice, whatever there is to say;
   * one of the overlap loop that has no step to read calls it once.
   *
   * @param delivery null: nothing.
   */
  send(delivery: Delivery | null): void;
}

/** What of an engine's options concerns the loop. */
export type ExecutorOptions = Pick<
  ResolvedEngineOptions,
  "overlap" | "lateLaunch" | "earlyFirstToken" | "streamInterval"
>;

/** What an executor is made of. */
export interface ExecutorParts {
  readonly port: ExecutorPort;
  readonly scheduler: Scheduler;
  /** The scheduler's KV blocks. */
  readonly blocks: KvBlockPool;
  /** What computes steps. */
  readonly runner: StepRunner;
  /** The engine's clock. */
  readonly now: Clock;
  readonly options: ExecutorOptions;
  /** What makes reports of steps; null: there are none. */
  readonly reports: StepReports | null;
  /** Whether the device computes on the cores that the loop runs on. */
  readonly sharesCores: boolean;
  /** The thread's log. */
  readonly log?: Log | null;
}

/** The loop and everything it decides. */
export class Executor {
  readonly #port: ExecutorPort;
  readonly #scheduler: Scheduler;
  readonly #blocks: KvBlockPool;
  readonly #runner: StepRunner;
  readonly #now: Clock;
  readonly #options: ExecutorOptions;
  readonly #reports: StepReports | null;
  readonly #inbox: Inbox;
  readonly #updates = new Updates();
  /** null: launches do not wait. */
  readonly #gate: LaunchGate | null;
  /** Whether the device computes on the cores of this thread. */
  readonly #sharesCores: boolean;
  /** Whether the loop had nothing to do before the step that is launched next. */
  #hasRested = true;
  /** Milliseconds for which the launch of the next step has waited for messages. */
  #held = 0;
  /** Since when the loop's time has not been counted. */
  #lapStart: number;
  #launchedSteps = 0;
  #processedSteps = 0;
  #wastedSteps = 0;
  #stepTime = 0;
  #waitTime = 0;

  /** @param parts What it is made of. */
  constructor(parts: ExecutorParts) {
    this.#port = parts.port;
    this.#scheduler = parts.scheduler;
    this.#blocks = parts.blocks;
    this.#runner = parts.runner;
    this.#now = parts.now;
    this.#options = parts.options;
    this.#reports = parts.reports;
    this.#sharesCores = parts.sharesCores;
    this.#inbox = new Inbox(parts.port, (request) => parts.scheduler.enqueue(request), parts.now, parts.log ?? null);
    this.#gate = parts.options.lateLaunch ? new LaunchGate({ ...parts, inbox: this.#inbox }) : null;
    this.#lapStart = parts.now();
  }

  /**
   * Run until a shutdown message comes and all requests are over.
   *
   * @throws {UpbeatError} What ended the loop otherwise, after failing every live request with it.
   */
  run(): void {
    try {
      if (this.#options.overlap) this.#runOverlapLoop();
      else this.#runPlainLoop();
    } catch (thrown) {
      const error = toUpbeatError(thrown);
      this.#failAll(error);
      throw error;
    } finally {
      this.#flush();
    }
  }

  // ---- The two loops -----------------------------------------------------------------------------------------------

  /**
   * Step k, `next`, is launched before step k - 1, `previous`, is read. A method that is given a step does nothing where there
   * is none, or where it was called for that step before.
   */
  #runOverlapLoop(): void {
    let previous: StepInFlight | null = null;
    while (this.#takeMessages(previous) || previous !== null) {
      // Blocks change hands only while nothing is in flight.
      if (this.#scheduler.mustPreempt || this.#mustTell(previous)) previous = this.#settle(previous);
      // Who is known to have ended needs no step.
      if (isKnown(previous)) this.#readTokens(previous);
      const step = this.#scheduler.schedule(this.#listener);
      if (step === null && previous === null) {
        this.#rest();
        continue;
      }
      // A prefill takes the host a while to launch: what is there already does not wait for that.
      if (isPrefill(step) && this.#hasArrived(previous)) this.#readFirstTokens(previous);
      const next = step === null ? null : this.#launchForward(step);
      if (next !== null) this.#gate?.launched(next, previous);
      // Sampling is dispatched while step k - 1 runs; behind its tokens where those are first ones, or where it is about to end.
      const isUrgent = bringsFirstTokens(previous);
      if (!isUrgent && (this.#held === 0 || this.#sharesCores)) this.#launchSampling(next);
      this.#readFirstTokens(previous);
      if (isUrgent && !endsWithFirstToken(previous)) this.#launchSampling(next);
      // So that callers have taken in how it begins when its first tokens come.
      if (previous === null) this.#flush();
      this.#process(previous);
      this.#launchSampling(next);
      previous = next;
    }
  }

  /** One step at a time, with nothing in flight before or after. */
  #runPlainLoop(): void {
    while (this.#takeMessages()) {
      const step = this.#scheduler.schedule(this.#listener);
      if (step === null) {
        this.#rest();
        continue;
      }
      const launched = this.#launchForward(step);
      this.#launchSampling(launched);
      this.#flush();
      this.#resolve(launched);
      this.#process(launched);
    }
  }

  // ---- Between steps -----------------------------------------------------------------------------------------------

  /**
   * Take in what has come, or comes while the device does not need the next step yet: nobody loses by waiting until then.
   * Returns whether there can be anything to do.
   */
  #takeMessages(inFlight: StepInFlight | null = null): boolean {
    this.#inbox.drain();
    const start = this.#now();
    this.#held = this.#gate?.wait(inFlight) ? this.#now() - start : 0;
    this.#waitTime += this.#held;
    this.#endCancelled();
    return !this.#inbox.isShutDown || this.#inbox.requests.size > 0;
  }

  /** Nothing can be computed and nothing is in flight: wait for a message. */
  #rest(): void {
    this.#scheduler.checkIdle();
    this.#countLap();
    this.#flush();
    this.#inbox.wait();
    this.#lapStart = this.#now();
    this.#hasRested = true;
  }

  /** Whether first tokens that do not leave early are known, and would wait for cores once the next step is launched. */
  #mustTell(inFlight: StepInFlight | null): boolean {
    return this.#sharesCores && !this.#options.earlyFirstToken && isKnown(inFlight) && bringsFirstTokens(inFlight);
  }

  /** Read and process a step before the next one is scheduled. */
  #settle(inFlight: StepInFlight | null): null {
    this.#readFirstTokens(inFlight);
    this.#process(inFlight);
    return null;
  }

  // ---- The life of a step ------------------------------------------------------------------------------------------

  /** Enqueue a step's forward pass, and count what it computes as computed. */
  #launchForward(step: Step): StepInFlight {
    const start = this.#now();
    const number = ++this.#launchedSteps;
    const report = this.#reports?.open(step, number, start, this.#hasRested, this.#held);
    this.#hasRested = false;
    const usage = usageOf(step, number, this.#blocks);
    for (const scheduled of step.scheduled) {
      const { request } = scheduled;
      if (!request.isPrefilling) continue;
      this.#updates.push(request, chunkMoment(scheduled, start));
      if (scheduled.samples) this.#updates.push(request, { type: "context", time: start });
    }
    this.#runner.launchForward(step);
    report?.mark("forwardLaunched");
    for (const { request, count, samples } of step.scheduled) {
      request.computedTokens += count;
      request.stepsInFlight++;
      if (samples) request.tokensInFlight++;
    }
    return { step, launchTime: start, report, usage, results: null, arrivalTime: null, tokenTime: null };
  }

  /** Enqueue the choice of its tokens and their way to the host. */
  #launchSampling(inFlight: StepInFlight | null): void {
    if (inFlight === null || inFlight.results !== null) return;
    inFlight.report?.mark("sampling");
    const start = this.#now();
    inFlight.results = this.#runner.launchSampling(inFlight.step);
    this.#gate?.dispatched(this.#now() - start);
    inFlight.report?.mark("launched");
  }

  /** Whether its tokens are on the host already. */
  #hasArrived(inFlight: StepInFlight | null): boolean {
    return inFlight !== null && this.#runner.haveArrived(inFlight.results!);
  }

  /** Wait until its tokens are on the host. */
  #resolve(inFlight: StepInFlight): void {
    const begin = this.#now();
    this.#runner.waitForResults(inFlight.results!);
    const end = inFlight.arrivalTime ?? this.#now();
    const start = Math.min(begin, end);
    this.#waitTime += end - start;
    inFlight.tokenTime = end;
    this.#gate?.ended(inFlight);
    inFlight.report?.waited(start, end, this.#runner.deviceTimes);
    for (const { request, samples } of inFlight.step.scheduled) {
      request.stepsInFlight--;
      if (samples) request.tokensInFlight--;
    }
  }

  /** Hand over the first tokens of requests before anything else is done, unless they are the last ones too. */
  #readFirstTokens(inFlight: StepInFlight | null): void {
    if (inFlight === null || inFlight.tokenTime !== null) return;
    this.#resolve(inFlight);
    if (!this.#options.earlyFirstToken) return;
    let isAnyTold = false;
    for (const [row, { request, samples }] of inFlight.step.scheduled.entries()) {
      if (!samples || request.tokenIds.length > 0) continue;
      this.#accept(inFlight, row);
      if (request.ending !== null) continue;
      this.#updates.tell(request);
      isAnyTold = true;
    }
    if (!isAnyTold) return this.#port.send(null);
    // Other tokens of the step are to come, with the same time; counters come with those.
    this.#flush(inFlight.tokenTime!, false);
    inFlight.report?.mark("firstTokensSent");
  }

  /** Take in its tokens, first ones first; what follows from them comes when it is processed. */
  #readTokens(inFlight: StepInFlight): void {
    this.#readFirstTokens(inFlight);
    for (const [row, { samples }] of inFlight.step.scheduled.entries()) if (samples) this.#accept(inFlight, row);
  }

  /** Take in its tokens, let later requests find its full blocks, end the requests that are complete, and tell of it all. */
  #process(inFlight: StepInFlight | null): void {
    if (inFlight === null) return;
    inFlight.report?.mark("processing");
    for (const [row, { request, start, count, samples }] of inFlight.step.scheduled.entries()) {
      // It ended with the token before this one, which nobody sees.
      if (!this.#inbox.requests.has(request.id)) continue;
      if (samples) this.#accept(inFlight, row);
      this.#scheduler.confirm(request, start + count);
      if (request.ending !== null) {
        const { reason, stopReason } = request.ending;
        this.#finish(request, reason, stopReason, inFlight.tokenTime!);
      } else if (samples && this.#endsChunk(request)) {
        this.#updates.tell(request);
      }
    }
    this.#endCancelled();
    this.#processedSteps++;
    inFlight.report?.close();
    this.#countLap();
    this.#flush();
  }

  /** Append a row's token, unless that was done: a token's place is known before its value is. */
  #accept({ step, results, tokenTime, usage }: StepInFlight, row: number): void {
    const { request, start, count } = step.scheduled[row]!;
    if (request.totalTokens > start + count || !this.#inbox.requests.has(request.id)) return;
    const tokenId = results!.tokens[row]!;
    request.tokenIds.push(tokenId);
    this.#updates.hold(request, tokenMoment(request, results!, row, tokenTime!, usage));
    const stopReason = request.stopCriteria.push(tokenId);
    if (stopReason !== null) request.ending = { reason: "stop", stopReason };
    else if (request.tokenIds.length === request.maxTokens) request.ending = { reason: "length", stopReason: null };
  }

  /** Whether a request's tokens are handed over now that it has one more: the first one, and each N-th. */
  #endsChunk({ tokenIds }: Request): boolean {
    return tokenIds.length === 1 || tokenIds.length % this.#options.streamInterval === 0;
  }

  // ---- Ends --------------------------------------------------------------------------------------------------------

  /** End cancelled requests of which nothing is in flight. */
  #endCancelled(): void {
    for (const request of this.#inbox.cancelled) {
      if (request.stepsInFlight === 0) this.#finish(request, "cancelled", null, this.#now());
    }
  }

  #finish(request: Request, reason: FinishReason, stopReason: string | number | null, time: number): void {
    this.#scheduler.remove(request);
    this.#inbox.remove(request);
    this.#wastedSteps += request.stepsInFlight;
    this.#updates.push(request, { type: "finish", time, reason, stopReason, wastedSteps: request.stepsInFlight });
  }

  #failAll(error: UpbeatError): void {
    const time = this.#now();
    for (const request of this.#inbox.requests.values()) {
      request.status = "failed";
      this.#updates.push(request, { type: "failure", time, error: requestError(error, request.id, false) });
    }
    this.#inbox.requests.clear();
  }

  // ---- What is told ------------------------------------------------------------------------------------------------

  readonly #listener: SchedulingListener = {
    admitted: (request) => this.#runner.admit(request),
    refused: (request, code, message) => {
      const error = requestError(new UpbeatError(code, message), request.id, true);
      this.#updates.push(request, { type: "refused", time: this.#now(), error });
    },
    paused: (request) => this.#updates.push(request, { type: "pause", time: this.#now() }),
    resumed: (request) => this.#updates.push(request, { type: "resume", time: this.#now() }),
    evicted: (request) => this.#updates.push(request, { type: "evict", time: this.#now() }),
  };

  /** Hand over everything that is to be told, in one message; what comes later happened at `next` or after it. */
  #flush(next: number = this.#now(), withCounters: boolean = true): void {
    const updates = this.#updates.take();
    const steps = this.#reports?.take();
    if (updates.length === 0 && steps === undefined) return this.#port.send(null);
    const settledUntil = this.#updates.settledUntil(next);
    const counters = withCounters ? this.#counters() : null;
    this.#port.send({ updates, counters, emittedAt: this.#now(), settledUntil, steps });
  }

  #countLap(): void {
    const now = this.#now();
    this.#stepTime += now - this.#lapStart;
    this.#lapStart = now;
  }

  #counters(): ExecutorCounters {
    return {
      steps: this.#processedSteps,
      stepTime: this.#stepTime,
      waitTime: this.#waitTime,
      usedBlocks: this.#blocks.usedBlocks,
      cachedBlocks: this.#blocks.cachedBlocks,
      wastedSteps: this.#wastedSteps,
      ...this.#scheduler.counters(),
    };
  }
}
