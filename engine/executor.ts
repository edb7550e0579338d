/**
 * The executor: one loop that takes requests in and gives tokens out.
 *
 * It runs on a thread of its own, owns all requests and the device, and waits in two places only: for the device in
 * `#resolve`, and for a message when there is nothing to do.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import { serializeError, toUpbeatError, type UpbeatError } from "../errors.ts";
import type { KvBlockPool } from "./kv_cache.ts";
import type { ModelRunner } from "./model_runner.ts";
import type { ExecutorCounters, InboxMessage, RequestUpdate, SubmitMessage, TokenUpdate } from "./protocol.ts";
import { type FinishReason, Request } from "./request.ts";
import { MAX_LOGPROBS } from "./sampling.ts";
import type { Scheduler, Step } from "./scheduler.ts";
import { StopCriteria } from "./stop_criteria.ts";
import { TokenTable } from "./text/token_table.ts";

/** How the executor hears and speaks. */
export interface ExecutorPort {
  /** The next message, or null when there is none now. Never blocks. */
  receive(): InboxMessage | null;
  /** Block until there may be a message. */
  waitForMessage(): void;
  /** Hand over what became of requests. */
  send(updates: readonly RequestUpdate[], counters: ExecutorCounters): void;
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
  readonly #requests = new Map<number, Request>();
  #updates = new Map<number, RequestUpdate>();
  #tokenTable: TokenTable | null = null;
  #shutdown = false;
  #steps = 0;
  #stepTime = 0;
  #waitTime = 0;

  constructor(port: ExecutorPort, scheduler: Scheduler, blocks: KvBlockPool, runner: StepRunner, now: Clock) {
    this.#port = port;
    this.#scheduler = scheduler;
    this.#blocks = blocks;
    this.#runner = runner;
    this.#now = now;
  }

  /**
   * Run until a shutdown message comes; live requests then end as cancelled.
   *
   * @throws {UpbeatError} What ended the loop otherwise, after failing every live request with it.
   */
  run(): void {
    try {
      while (true) {
        this.#drainInbox();
        this.#finishCancelled();
        if (this.#shutdown) break;
        const step = this.#scheduler.schedule((request) => this.#runner.admit(request));
        if (step === null) {
          this.#flush();
          this.#port.waitForMessage();
          continue;
        }
        this.#runPlainStep(step);
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
    this.#stampContext(step, start);
    this.#runner.launchForward(step);
    this.#runner.launchSampling(step);
    const tokenTime = this.#resolve();
    this.#process(step, tokenTime);
    this.#steps++;
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
          this.#shutdown = true;
          for (const request of this.#requests.values()) request.cancelRequested = true;
          break;
      }
    }
  }

  #submit(message: SubmitMessage): void {
    const { id, promptTokenIds, maxTokens, sampling } = message;
    const stopCriteria = new StopCriteria(message, this.#tokenTable, promptTokenIds);
    const request = new Request({ id, promptTokenIds, maxTokens, sampling, stopCriteria });
    this.#requests.set(id, request);
    this.#scheduler.enqueue(request);
  }

  /** Hand over everything that has become of requests, in one message. */
  #flush(): void {
    if (this.#updates.size === 0) return;
    const updates = [...this.#updates.values()];
    this.#updates = new Map();
    this.#port.send(updates, this.#counters());
  }

  #counters(): ExecutorCounters {
    return {
      steps: this.#steps,
      stepTime: this.#stepTime,
      waitTime: this.#waitTime,
      usedBlocks: this.#blocks.usedBlocks,
      running: this.#scheduler.running.length,
      waiting: this.#scheduler.waiting.length,
    };
  }

  #updateOf(request: Request): RequestUpdate {
    let update = this.#updates.get(request.id);
    if (update === undefined) {
      update = { id: request.id, tokens: [] };
      this.#updates.set(request.id, update);
    }
    return update;
  }

  // ---- A step's results --------------------------------------------------------------------------------------------

  /** Requests whose last prompt token is in this step have their whole prompt in the context from now on. */
  #stampContext(step: Step, time: number): void {
    for (const { request, samples } of step.scheduled) {
      if (samples && request.tokenIds.length === 0) this.#updateOf(request).contextTime = time;
    }
  }

  /** Wait for the step's tokens: the one wait for the device. Returns when they were known to the host. */
  #resolve(): number {
    const start = this.#now();
    this.#runner.waitForTokens();
    const end = this.#now();
    this.#waitTime += end - start;
    return end;
  }

  /** Append the step's tokens and end the requests that are complete. */
  #process(step: Step, time: number): void {
    for (const [row, { request, count, samples }] of step.scheduled.entries()) {
      request.computedTokens += count;
      if (!samples) continue;
      const tokenId = this.#runner.outputs.tokens[row]!;
      request.tokenIds.push(tokenId);
      this.#updateOf(request).tokens.push(this.#tokenUpdate(request, row, tokenId, time));
      const stopReason = request.stopCriteria.push(tokenId);
      if (stopReason !== null) this.#finish(request, "stop", stopReason, time);
      else if (request.tokenIds.length === request.maxTokens) this.#finish(request, "length", null, time);
    }
  }

  #tokenUpdate(request: Request, row: number, tokenId: number, time: number): TokenUpdate {
    const count = request.sampling.logprobs;
    if (count < 0) return { tokenId, time };
    const { logprobs, logprobTokens } = this.#runner.outputs;
    const first = row * (1 + MAX_LOGPROBS);
    return {
      tokenId,
      time,
      logprob: logprobs[first]!,
      topLogprobs: Array.from({ length: count }, (_, rank) => ({
        tokenId: logprobTokens[row * MAX_LOGPROBS + rank]!,
        logprob: logprobs[first + 1 + rank]!,
      })),
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
    this.#updateOf(request).finish = { reason, stopReason, time };
  }

  #failAll(error: UpbeatError): void {
    const time = this.#now();
    for (const request of this.#requests.values()) {
      const requestError = { ...serializeError(error), requestId: request.id, transient: false };
      this.#updateOf(request).failure = { error: requestError, time };
    }
    this.#requests.clear();
  }
}
