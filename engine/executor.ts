/**
 * The executor: one loop that takes requests in and gives tokens out.
 *
 * It runs on a thread of its own, owns all requests and the device, and waits in two places only: for the device in
 * `#resolve`, and for a message when there is nothing to do.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import { toUpbeatError, UpbeatError } from "../errors.ts";
import { requestError } from "./event_payloads.ts";
import type { KvBlockPool } from "./kv_cache.ts";
import type { Log } from "./log.ts";
import type { ModelRunner } from "./model_runner.ts";
import type {
  ExecutorCounters,
  InboxMessage,
  RequestUpdate,
  StepReport,
  StepUsage,
  SubmitMessage,
} from "./protocol.ts";
import { type FinishReason, Request } from "./request.ts";
import type { Scheduler, SchedulingListener } from "./scheduler.ts";
import type { Step } from "./step_plan.ts";
import type { OpenStepReport, StepReports } from "./step_reports.ts";
import { StopCriteria } from "./stop_criteria.ts";
import { TokenTable } from "./text/token_table.ts";
import { chunkMoment, tokenMoment, Updates } from "./updates.ts";

/** How the executor hears and speaks. */
export interface ExecutorPort {
  /** The next message, or null when there is none now. Never blocks. */
  receive(): InboxMessage | null;
  /** Block until there may be a message. */
  waitForMessage(): void;
  /**
   * Hand over what became of requests, and reports of steps where there are some; `emittedAt` is the time of this call, on
   * the engine's clock.
   */
  send(
    updates: readonly RequestUpdate[],
    counters: ExecutorCounters,
    emittedAt: number,
    steps?: readonly StepReport[],
  ): void;
}

/** What the runner must offer: {@linkcode ModelRunner}, or a stand-in with the same promises. */
export type StepRunner = Pick<
  ModelRunner,
  "admit" | "launchForward" | "launchSampling" | "waitForTokens" | "outputs"
>;

/** The loop and everything it decides. */
export class Executor {
  readonly #port: ExecutorPort;
  readonly #scheduler: Scheduler;
  readonly #blocks: KvBlockPool;
  readonly #runner: StepRunner;
  readonly #now: Clock;
  readonly #reports: StepReports | null;
  readonly #log: Log | null;
  readonly #requests = new Map<number, Request>();
  readonly #updates = new Updates();
  #tokenTable: TokenTable | null = null;
  #shutdown = false;
  /** When what still runs is cancelled, once the shutdown message has come. */
  #cancelAt = Infinity;
  #steps = 0;
  #stepTime = 0;
  #waitTime = 0;

  /**
   * @param port How it hears and speaks.
   * @param scheduler Who runs next.
   * @param blocks The scheduler's KV blocks.
   * @param runner What computes steps.
   * @param now The engine's clock.
   * @param reports What makes reports of steps; null: there are none.
   * @param log The thread's log.
   */
  constructor(
    port: ExecutorPort,
    scheduler: Scheduler,
    blocks: KvBlockPool,
    runner: StepRunner,
    now: Clock,
    reports: StepReports | null = null,
    log: Log | null = null,
  ) {
    this.#port = port;
    this.#scheduler = scheduler;
    this.#blocks = blocks;
    this.#runner = runner;
    this.#now = now;
    this.#reports = reports;
    this.#log = log;
  }

  /**
   * Run until a shutdown message comes; live requests then end as cancelled, or go on up to its deadline.
   *
   * @throws {UpbeatError} What ended the loop otherwise, after failing every live request with it.
   */
  run(): void {
    try {
      while (true) {
        this.#drainInbox();
        if (this.#now() >= this.#cancelAt) {
          for (const request of this.#requests.values()) request.cancelRequested = true;
        }
        this.#finishCancelled();
        if (this.#shutdown && this.#requests.size === 0) break;
        const step = this.#scheduler.schedule(this.#listener);
        if (step !== null) {
          this.#runPlainStep(step);
        } else {
          this.#scheduler.checkIdle();
          this.#flush();
          this.#port.waitForMessage();
        }
      }
    } catch (thrown) {
      const error = toUpbeatError(thrown);
      this.#failAll(error);
      throw error;
    } finally {
      this.#flush();
    }
  }

  /** The plain loop's step: launch, wait, process, with nothing in flight before or after. */
  #runPlainStep(step: Step): void {
    const start = this.#now();
    const report = this.#reports?.open(step, start);
    this.#stampChunks(step, start);
    this.#runner.launchForward(step);
    this.#runner.launchSampling(step);
    report?.launched();
    const tokenTime = this.#resolve(report);
    this.#process(step, tokenTime);
    report?.close(this.#steps);
    this.#stepTime += this.#now() - start;
    this.#flush();
  }

  // ---- Messages ----------------------------------------------------------------------------------------------------

  #drainInbox(): void {
    for (let message = this.#port.receive(); message !== null; message = this.#port.receive()) {
      switch (message.type) {
        case "submit":
          this.#submit(message);
          break;
        case "cancel": {
          const request = this.#requests.get(message.id);
          // A cancel may cross the request's own end on its way here.
          if (request !== undefined) request.cancelRequested = true;
          break;
        }
        case "tokenTable":
          this.#tokenTable = TokenTable.fromShared(message.table);
          break;
        case "shutdown":
          this.#log?.("loop: shutdown received", { drain: message.drain, requests: this.#requests.size });
          this.#shutdown = true;
          this.#cancelAt = message.drain ? message.deadline ?? Infinity : -Infinity;
          break;
      }
    }
  }

  #submit(message: SubmitMessage): void {
    const stopCriteria = new StopCriteria(message, this.#tokenTable, message.promptTokenIds);
    const request = new Request({ ...message, stopCriteria });
    this.#requests.set(request.id, request);
    this.#scheduler.enqueue(request);
  }

  /** Hand over everything that has become of requests, in one message. */
  #flush(): void {
    const updates = this.#updates.take();
    const steps = this.#reports?.take();
    if (updates.length > 0 || steps !== undefined) this.#port.send(updates, this.#counters(), this.#now(), steps);
  }

  #counters(): ExecutorCounters {
    return {
      steps: this.#steps,
      stepTime: this.#stepTime,
      waitTime: this.#waitTime,
      usedBlocks: this.#blocks.usedBlocks,
      cachedBlocks: this.#blocks.cachedBlocks,
      wastedSteps: 0,
      ...this.#scheduler.counters(),
    };
  }

  // ---- What the scheduler decides ----------------------------------------------------------------------------------

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

  // ---- A step's results --------------------------------------------------------------------------------------------

  /** Tell of the chunks in a step, and of the contexts that it completes. */
  #stampChunks(step: Step, time: number): void {
    for (const scheduled of step.scheduled) {
      if (!scheduled.request.isPrefilling) continue;
      this.#updates.push(scheduled.request, chunkMoment(scheduled, time));
      if (scheduled.samples) this.#updates.push(scheduled.request, { type: "context", time });
    }
  }

  /** Wait for the step's tokens: the one wait for the device. Returns when they were known to the host. */
  #resolve(report: OpenStepReport | undefined): number {
    const start = this.#now();
    this.#runner.waitForTokens();
    const end = this.#now();
    this.#waitTime += end - start;
    report?.waited(start, end);
    return end;
  }

  /** Append the step's tokens, let later requests find their full blocks, and end the requests that are complete. */
  #process(step: Step, time: number): void {
    this.#steps++;
    const usage = this.#usage(step);
    for (const [row, { request, count, samples }] of step.scheduled.entries()) {
      request.computedTokens += count;
      this.#scheduler.confirm(request, request.computedTokens);
      if (!samples) continue;
      const tokenId = this.#runner.outputs.tokens[row]!;
      request.tokenIds.push(tokenId);
      this.#updates.push(request, tokenMoment(request, this.#runner.outputs, row, time, usage));
      const stopReason = request.stopCriteria.push(tokenId);
      if (stopReason !== null) this.#finish(request, "stop", stopReason, time);
      else if (request.tokenIds.length === request.maxTokens) this.#finish(request, "length", null, time);
    }
  }

  /** How the KV cache stands, once for all tokens of a step; null where no request records its tokens. */
  #usage({ scheduled }: Step): StepUsage | null {
    if (!scheduled.some(({ request, samples }) => samples && request.trackTokens)) return null;
    const { totalBlocks, usedBlocks, cachedBlocks } = this.#blocks;
    return {
      step: this.#steps,
      blocksTotal: totalBlocks,
      blocksAllocated: usedBlocks + cachedBlocks,
      blocksActive: usedBlocks,
      activeTokens: scheduled.reduce((sum, { start, count }) => sum + start + count, 0),
    };
  }

  // ---- Ends --------------------------------------------------------------------------------------------------------

  /** End cancelled requests. Nothing is in flight here. */
  #finishCancelled(): void {
    for (const request of [...this.#requests.values()]) {
      if (request.cancelRequested) this.#finish(request, "cancelled", null, this.#now());
    }
  }

  #finish(request: Request, reason: FinishReason, stopReason: string | number | null, time: number): void {
    this.#scheduler.remove(request);
    this.#requests.delete(request.id);
    this.#updates.push(request, { type: "finish", time, reason, stopReason, wastedSteps: 0 });
  }

  #failAll(error: UpbeatError): void {
    const time = this.#now();
    for (const request of this.#requests.values()) {
      request.status = "failed";
      this.#updates.push(request, { type: "failure", time, error: requestError(error, request.id, false) });
    }
    this.#requests.clear();
  }
}
