/**
 * The executor: one loop that takes requests in and gives tokens out.
 *
 * It runs on a thread of its own and owns all requests and the device. It blocks in three places: in `#rest` for commands
 * when there is nothing to compute, in `#readTokens` for the device, and in `#takeCommands` while a launch is delayed.
 *
 * The overlap loop launches step k before it reads step k - 1, so that a device with its own processor always has work while
 * the host reads, decides and emits: the tokens that step k - 1 samples go into step k on the device, unseen by the host (as
 * in TensorRT-LLM's PyExecutor and SGLang's overlap scheduler). The plain loop beside it runs one step at a time. Both give
 * the same tokens.
 *
 * @module
 */
import type { Clock } from "../telemetry/clock.ts";
import type { StepRunner } from "../runner/step_runner.ts";
import { toUpbeatError, UpbeatError } from "../../errors.ts";
import { TOKEN } from "../../ffi/abi.ts";
import { requestError } from "../events/events.ts";
import { CommandQueue, type MessageSource } from "./command_queue.ts";
import type { KvBlockPool } from "../scheduler/kv_block_pool.ts";
import type { Log } from "../telemetry/log.ts";
import { LaunchGate } from "./launch_gate.ts";
import type { LoopOptions } from "./loop_options.ts";
import { LoopCounters } from "./loop_counters.ts";
import { logitsNotFinite } from "./logits_not_finite.ts";
import { RequestTable } from "./request_table.ts";
import type { Request } from "../scheduler/request.ts";
import type { FinishReason } from "../events/finish_reason.ts";
import type { Scheduler, SchedulingListener } from "../scheduler/scheduler.ts";
import { bringsFirstTokens, type StepInFlight } from "./step_in_flight.ts";
import type { StepReports } from "./step_reports.ts";
import { Emitter, type OutputPort } from "./emitter.ts";
import { usageOf } from "./step_usage.ts";

/**
 * The executor's connection to the caller's thread. An iteration sends a fixed number of times, empty or not: twice where it
 * reads a step (early and late), once where nothing was in flight.
 */
export interface ExecutorPort extends MessageSource, OutputPort {}

/** What an executor is made of. */
export interface ExecutorParts {
  readonly port: ExecutorPort;
  readonly scheduler: Scheduler;
  /** The scheduler's KV blocks. */
  readonly blocks: KvBlockPool;
  /** Computes steps. */
  readonly runner: StepRunner;
  /** The engine's clock. */
  readonly now: Clock;
  readonly options: LoopOptions;
  /** Reports steps; null: steps are not reported. */
  readonly reports: StepReports | null;
  /** The thread's log. */
  readonly log?: Log | null;
}

/** The loop and everything it decides. */
export class Executor {
  readonly #scheduler: Scheduler;
  readonly #blocks: KvBlockPool;
  readonly #runner: StepRunner;
  readonly #now: Clock;
  readonly #options: LoopOptions;
  readonly #reports: StepReports | null;
  readonly #commands: CommandQueue;
  readonly #requests = new RequestTable();
  readonly #emitter: Emitter;
  readonly #counters: LoopCounters;
  /** null: launches are not delayed. */
  readonly #gate: LaunchGate | null;
  /** Whether the loop was idle before the next launch. */
  #afterIdle = true;
  /** Milliseconds for which the next launch was delayed. */
  #launchDelayMs = 0;

  /** @param parts What it is made of. */
  constructor(parts: ExecutorParts) {
    const { port, scheduler, runner, now, options, reports, log = null } = parts;
    this.#scheduler = scheduler;
    this.#blocks = parts.blocks;
    this.#runner = runner;
    this.#now = now;
    this.#options = options;
    this.#reports = reports;
    const onSubmit = (request: Request) => scheduler.enqueue(request);
    this.#commands = new CommandQueue({ source: port, requests: this.#requests, onSubmit, now, log });
    this.#emitter = new Emitter({ port, now, streamInterval: options.streamInterval, reports });
    this.#gate = options.lateLaunch ? new LaunchGate({ runner, scheduler, commands: this.#commands, now }) : null;
    this.#counters = new LoopCounters(now);
  }

  /**
   * Runs until a shutdown command has arrived and all requests have ended.
   *
   * @throws {UpbeatError} Whatever else ended the loop, after failing every live request with it.
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

  /** One step at a time, with nothing in flight before or after. */
  #runPlainLoop(): void {
    while (this.#takeCommands(null)) {
      const step = this.#launchForward(null);
      if (step === null) {
        this.#rest();
        continue;
      }
      this.#launchSampling(step);
      this.#flush();
      this.#readTokens(step);
      this.#process(step);
    }
  }

  /** Step k is launched before step k - 1 is processed. Which of the sequences below fits depends on step k - 1 alone. */
  #runOverlapLoop(): void {
    let previous: StepInFlight | null = null;
    while (this.#takeCommands(previous) || previous !== null) {
      // Blocks change hands only while nothing is in flight.
      if (previous !== null && this.#scheduler.mustPreempt) previous = this.#settle(previous);
      if (previous === null) previous = this.#start();
      else if (this.#hasEnded(previous)) previous = this.#advanceAfterEnd(previous);
      else if (bringsFirstTokens(previous)) {
        if (this.#options.earlyFirstToken) previous = this.#advanceEmittingFirst(previous);
        else previous = this.#advanceEmittingLast(previous);
      } else if (this.#launchDelayMs > 0) previous = this.#advanceEmittingFirst(previous);
      else previous = this.#advanceSamplingFirst(previous);
    }
  }

  /** Nothing is in flight. */
  #start(): StepInFlight | null {
    const next = this.#launchForward(null);
    if (next === null) return this.#rest();
    this.#launchSampling(next);
    // While the device computes, callers learn how the step begins.
    this.#flush();
    return next;
  }

  /** Step k - 1 has some time to run: all of step k is enqueued before the host waits. */
  #advanceSamplingFirst(previous: StepInFlight): StepInFlight | null {
    const next = this.#launchForward(previous);
    this.#launchSampling(next);
    this.#readTokens(previous);
    this.#emitFirstTokens(previous);
    this.#process(previous);
    return next;
  }

  /**
   * Step k - 1 brings first tokens, or it is about to end, as the launch was delayed until then: its tokens leave before
   * sampling is dispatched. The device computes the forward pass of step k meanwhile.
   */
  #advanceEmittingFirst(previous: StepInFlight): StepInFlight | null {
    const next = this.#launchForward(previous);
    this.#readTokens(previous);
    this.#emitFirstTokens(previous);
    this.#process(previous);
    this.#launchSampling(next);
    return next;
  }

  /** Step k - 1 brings first tokens that leave with everything else of their step (`earlyFirstToken: false`). */
  #advanceEmittingLast(previous: StepInFlight): StepInFlight | null {
    const next = this.#launchForward(previous);
    this.#readTokens(previous);
    this.#launchSampling(next);
    this.#process(previous);
    return next;
  }

  /** Step k - 1 has ended: its tokens say which requests need no further step, and do not wait for the launch of a prompt. */
  #advanceAfterEnd(previous: StepInFlight): StepInFlight | null {
    this.#readTokens(previous);
    this.#emitFirstTokens(previous);
    this.#acceptAll(previous);
    const next = this.#launchForward(previous);
    this.#launchSampling(next);
    this.#process(previous);
    return next;
  }

  /** Reads and processes step k - 1 before step k is scheduled. */
  #settle(previous: StepInFlight): null {
    this.#readTokens(previous);
    this.#emitFirstTokens(previous);
    this.#process(previous);
    return null;
  }

  // ---- Between steps -----------------------------------------------------------------------------------------------

  /** Applies commands, also those that arrive while the launch is delayed. Returns whether anything may be left to do. */
  #takeCommands(inFlight: StepInFlight | null): boolean {
    this.#commands.drain();
    this.#launchDelayMs = this.#gate?.wait(inFlight) ?? 0;
    this.#counters.waited(this.#launchDelayMs);
    this.#endCancelled();
    return !this.#commands.isShutDown || this.#requests.size > 0;
  }

  /** Nothing can be computed and nothing is in flight: waits for a command. */
  #rest(): null {
    this.#scheduler.checkIdle();
    this.#counters.accumulate();
    this.#flush();
    this.#commands.wait();
    this.#counters.skipIdleTime();
    this.#afterIdle = true;
    return null;
  }

  /** Whether a step is known to have ended. Asked only before a prompt is launched, which takes long. */
  #hasEnded(inFlight: StepInFlight): boolean {
    if (inFlight.arrivalTime !== null) return true;
    return this.#scheduler.hasPrompts && this.#runner.haveArrived(inFlight.results!);
  }

  // ---- The life of a step ------------------------------------------------------------------------------------------

  /** Schedules the next step and enqueues its forward pass; null when there is nothing to compute. */
  #launchForward(previous: StepInFlight | null): StepInFlight | null {
    const step = this.#scheduler.schedule(this.#listener);
    if (step === null) return null;
    const launchTime = this.#now();
    const number = this.#counters.launched();
    const report = this.#reports?.open(step, number, launchTime, this.#afterIdle, this.#launchDelayMs);
    this.#afterIdle = false;
    const usage = usageOf(step, number, this.#blocks);
    for (const scheduled of step.scheduled) {
      if (scheduled.request.isPrefilling) this.#emitter.chunk(scheduled, launchTime);
    }
    this.#runner.launchForward(step);
    report?.mark("forwardLaunched");
    for (const { request, count, samples } of step.scheduled) {
      request.computedTokens += count;
      request.stepsInFlight++;
      if (samples) request.tokensInFlight++;
    }
    const next = { step, launchTime, report, usage, results: null, arrivalTime: null, tokenTime: null };
    this.#gate?.launched(next, previous);
    return next;
  }

  /** Enqueues the sampling of a step's tokens and their copy to the host. */
  #launchSampling(inFlight: StepInFlight | null): void {
    if (inFlight === null) return;
    inFlight.report?.mark("sampling");
    const start = this.#now();
    inFlight.results = this.#runner.launchSampling(inFlight.step);
    this.#gate?.dispatched(this.#now() - start);
    inFlight.report?.mark("launched");
  }

  /** Waits until a step's tokens are on the host. */
  #readTokens(inFlight: StepInFlight): void {
    const begin = this.#now();
    this.#runner.waitForResults(inFlight.results!);
    const end = inFlight.arrivalTime ?? this.#now();
    const start = Math.min(begin, end);
    this.#counters.waited(end - start);
    inFlight.tokenTime = end;
    this.#gate?.ended(inFlight);
    inFlight.report?.waited(start, end, this.#runner.deviceTimes);
    for (const { request, samples } of inFlight.step.scheduled) {
      request.stepsInFlight--;
      if (samples) request.tokensInFlight--;
    }
  }

  /** Emits the first tokens of requests, and nothing else, unless they are the last ones too. */
  #emitFirstTokens(inFlight: StepInFlight): void {
    if (!this.#options.earlyFirstToken) return;
    let isAnyEmitted = false;
    for (const [row, { request, samples }] of inFlight.step.scheduled.entries()) {
      if (!samples || request.tokenIds.length > 0) continue;
      if (this.#accept(inFlight, row)) isAnyEmitted = true;
    }
    if (!isAnyEmitted) return this.#emitter.skip();
    // The step's other tokens follow with the same time; the counters come with those.
    this.#emitter.flush(inFlight.tokenTime!, null);
    inFlight.report?.mark("firstTokensSent");
  }

  /** Appends a step's tokens. What follows from them comes when the step is processed. */
  #acceptAll(inFlight: StepInFlight): void {
    for (const [row, { samples }] of inFlight.step.scheduled.entries()) if (samples) this.#accept(inFlight, row);
  }

  /** Appends a step's tokens, confirms full blocks to the prefix cache, ends requests that are complete, and emits it all. */
  #process(inFlight: StepInFlight): void {
    inFlight.report?.mark("processing");
    for (const [row, { request, start, count, samples }] of inFlight.step.scheduled.entries()) {
      // Ended by an earlier step: this row was wasted.
      if (!this.#requests.has(request)) continue;
      if (samples) this.#accept(inFlight, row);
      if (request.failure !== null) {
        this.#fail(request, request.failure, inFlight.tokenTime!);
        continue;
      }
      this.#scheduler.confirm(request, start + count);
      if (request.ending !== null) {
        const { reason, stopReason } = request.ending;
        this.#finish(request, reason, stopReason, inFlight.tokenTime!);
      }
    }
    this.#endCancelled();
    inFlight.report?.close();
    this.#counters.processed();
    this.#flush();
  }

  /**
   * Appends a row's token unless it has been already: a token's position is known before its value. Returns whether the next
   * flush sends it.
   */
  #accept({ step, results, tokenTime, usage }: StepInFlight, row: number): boolean {
    const { request, start, count } = step.scheduled[row]!;
    if (request.totalTokens > start + count || request.failure !== null || !this.#requests.has(request)) return false;
    const tokenId = results!.tokens[row]!;
    if (tokenId === TOKEN.NOT_FINITE) {
      request.failure = logitsNotFinite(request);
      return false;
    }
    request.tokenIds.push(tokenId);
    const stopReason = request.stopCriteria.push(tokenId);
    if (stopReason !== null) request.ending = { reason: "stop", stopReason };
    else if (request.tokenIds.length === request.maxTokens) request.ending = { reason: "length", stopReason: null };
    return this.#emitter.token(request, results!, row, tokenTime!, usage);
  }

  // ---- Ends --------------------------------------------------------------------------------------------------------

  /** Ends cancelled requests without a step in flight. */
  #endCancelled(): void {
    for (const request of this.#requests.cancelled) {
      if (request.stepsInFlight === 0) this.#finish(request, "cancelled", null, this.#now());
    }
  }

  #finish(request: Request, reason: FinishReason, stopReason: string | number | null, time: number): void {
    this.#emitter.finish(request, time, reason, stopReason);
    this.#remove(request);
  }

  /** Ends a request with an error of its own; others do not notice. */
  #fail(request: Request, error: UpbeatError, time: number): void {
    this.#emitter.fail(request, time, error);
    this.#remove(request);
    request.status = "failed";
  }

  #remove(request: Request): void {
    this.#scheduler.remove(request);
    this.#commands.ended(request);
    this.#counters.wasted(request.stepsInFlight);
  }

  #failAll(error: UpbeatError): void {
    this.#emitter.failAll(this.#requests.all(), this.#now(), error);
    for (const request of this.#requests.all()) request.status = "failed";
    this.#requests.clear();
  }

  // ---- Emission ----------------------------------------------------------------------------------------------------

  readonly #listener: SchedulingListener = {
    admitted: (request) => this.#runner.admit(request),
    refused: (request, code, message) => {
      const error = requestError(new UpbeatError(code, message), request.id, true);
      this.#emitter.event(request, "ERROR_TRANSIENT", this.#now(), error);
    },
    paused: (request) => this.#emitter.event(request, "PAUSE", this.#now(), null),
    resumed: (request) => this.#emitter.event(request, "RESUME", this.#now(), null),
    evicted: (request) => this.#emitter.event(request, "EVICT", this.#now(), null),
  };

  /** Sends everything that has happened until now. */
  #flush(): void {
    this.#emitter.flush(this.#now(), () => {
      const { usedBlocks, cachedBlocks } = this.#blocks;
      return { ...this.#counters.totals(), usedBlocks, cachedBlocks, ...this.#scheduler.counters() };
    });
  }
}
