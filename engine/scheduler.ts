/**
 * Who runs next: continuous batching with chunked prefill (Yu et al. 2022, Orca; Agrawal et al. 2024, Sarathi-Serve).
 *
 * Every step takes one token of each decoding request, then fills the rest of its token budget with prompt chunks, in the
 * order of arrival. A request is admitted when a slot is free and so are KV blocks for the longest it can get; so one that
 * runs never has to wait for memory.
 *
 * @module
 */
import type { KvBlockPool } from "./kv_cache.ts";
import type { Request } from "./request.ts";

/** One request's share of a step: `count` tokens of its sequence, from position `start` on. */
export interface ScheduledRequest {
  readonly request: Request;
  /** Position of the first token. */
  readonly start: number;
  /** Number of tokens; 1 when decoding. */
  readonly count: number;
  /** Whether the last of them is the last known token, so that its logits give the next one. */
  readonly samples: boolean;
}

/** What one step computes. */
export interface Step {
  /** Each request at most once; those that sample before those that do not. */
  readonly scheduled: readonly ScheduledRequest[];
  /** Tokens of all of them. */
  readonly tokens: number;
  /** How many of them sample: the first ones. */
  readonly samplingRequests: number;
}

/** The bounds of a step. */
export interface SchedulerLimits {
  /** Tokens in a step, at most. */
  readonly maxBatchTokens: number;
  /** Requests that run at the same time, at most. */
  readonly maxBatchRequests: number;
}

/** The queue of waiting requests and the set of running ones. */
export class Scheduler {
  readonly #blocks: KvBlockPool;
  readonly #maxBatchTokens: number;
  readonly #freeSlots: number[];
  readonly #waiting: Request[] = [];
  readonly #running: Request[] = [];

  constructor(blocks: KvBlockPool, limits: SchedulerLimits) {
    this.#blocks = blocks;
    this.#maxBatchTokens = limits.maxBatchTokens;
    // More running requests than tokens in a step could not all move forward in every step.
    const slots = Math.min(limits.maxBatchRequests, limits.maxBatchTokens);
    this.#freeSlots = Array.from({ length: slots }, (_, index) => slots - 1 - index);
  }

  /** Requests that wait for admission, in the order of arrival. */
  get waiting(): readonly Request[] {
    return this.#waiting;
  }

  /** Requests that hold a slot, in the order of admission. */
  get running(): readonly Request[] {
    return this.#running;
  }

  /** Whether no request is here at all. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#running.length === 0;
  }

  /** Add a request to the end of the queue. */
  enqueue(request: Request): void {
    this.#waiting.push(request);
  }

  /**
   * Choose the next step, admitting waiting requests where there is room.
   *
   * @param onAdmit Called for each request that is admitted, once it has its slot and blocks.
   * @returns The step, or null when there is nothing to compute.
   */
  schedule(onAdmit: (request: Request) => void): Step | null {
    const sampling: ScheduledRequest[] = [];
    const chunks: ScheduledRequest[] = [];
    let budget = this.#maxBatchTokens;
    const take = (request: Request): void => {
      const count = Math.min(request.remainingTokens, budget);
      if (count === 0) return;
      const samples = count === request.remainingTokens;
      (samples ? sampling : chunks).push({ request, start: request.computedTokens, count, samples });
      budget -= count;
    };

    const isDecoding = (request: Request): boolean => request.remainingTokens === 1 && request.tokenIds.length > 0;
    for (const request of this.#running) if (isDecoding(request)) take(request);
    for (const request of this.#running) if (!isDecoding(request)) take(request);
    while (budget > 0 && this.#mayAdmit()) {
      const request = this.#admit();
      onAdmit(request);
      take(request);
    }

    const scheduled = [...sampling, ...chunks];
    if (scheduled.length === 0) return null;
    return { scheduled, tokens: this.#maxBatchTokens - budget, samplingRequests: sampling.length };
  }

  /**
   * Take a request out, waiting or running, and free what it holds.
   *
   * Its blocks may be handed out again at once: whatever the next owner enqueues is ordered after this request's last
   * step on the same stream.
   */
  remove(request: Request): void {
    const list = request.status === "running" ? this.#running : this.#waiting;
    const index = list.indexOf(request);
    if (index >= 0) list.splice(index, 1);
    if (request.status === "running") {
      this.#blocks.release(request.blocks);
      this.#freeSlots.push(request.slot);
      request.blocks = new Int32Array(0);
      request.slot = -1;
    }
    request.status = "finished";
  }

  #mayAdmit(): boolean {
    const next = this.#waiting[0];
    return next !== undefined && this.#freeSlots.length > 0 &&
      this.#blocks.canAllocate(this.#blocks.blocksFor(next.maxTotalTokens));
  }

  #admit(): Request {
    const request = this.#waiting.shift()!;
    request.slot = this.#freeSlots.pop()!;
    request.blocks = this.#blocks.allocate(this.#blocks.blocksFor(request.maxTotalTokens));
    request.status = "running";
    this.#running.push(request);
    return request;
  }
}
