/**
 * Who runs next: continuous batching with chunked prefill (Yu et al. 2022, Orca; Agrawal et al. 2024, Sarathi-Serve), over
 * KV blocks that are taken as sequences grow.
 *
 * Requests are served in the order of arrival, and that order never changes: whoever is admitted is older than whoever
 * waits, an evicted request included. A step takes one token of each decoding request, then chunks of prompts.
 *
 * A request is admitted with blocks for all tokens that are known of it and one more, so only decoding can run short. Then
 * blocks go to the oldest first, and whoever gets none is paused: it keeps what it has and waits. The oldest request of
 * all never waits for a younger one's blocks: the youngest is evicted for it, and starts again from the front of the
 * queue. So the oldest always moves forward, and everybody becomes the oldest in the end.
 *
 * @module
 */
import { type ErrorCode, UpbeatError } from "../../errors.ts";
import type { KvBlockPool } from "./kv_block_pool.ts";
import type { PrefixCache } from "./prefix_cache.ts";
import type { ExecutorCounters } from "../telemetry/executor_counters.ts";
import type { Request } from "./request.ts";
import { type Step, StepPlan } from "./step_plan.ts";

/** The bounds of a step. */
export interface SchedulerLimits {
  /** Tokens in a step, at most. */
  readonly maxBatchTokens: number;
  /** Requests that are admitted at the same time, at most. */
  readonly maxBatchRequests: number;
}

/** Why admission is refused for now. */
export type RefusalCode = Extract<ErrorCode, "BATCH_FULL" | "KV_BLOCKS_EXHAUSTED">;

/** Who is told what the scheduler decides, as it decides it; what is left out is not told. */
export interface SchedulingListener {
  /** A request has its slot and blocks now; what is known of its tokens must be on the device before its first step. */
  admitted(request: Request): void;
  /** The next request to be admitted has to wait; told once per request and cause, and not of evicted ones. */
  refused?(request: Request, code: RefusalCode, message: string): void;
  /** A request that was running has no block to go on, and keeps what it has. */
  paused?(request: Request): void;
  /** A paused request goes on. */
  resumed?(request: Request): void;
  /** A request lost its blocks and its slot, and is at the front of the queue. */
  evicted?(request: Request): void;
}

/** The counters that the scheduler keeps. */
export type SchedulerCounters = Pick<
  ExecutorCounters,
  "running" | "paused" | "waiting" | "pauses" | "evictions" | "prefixQueriedTokens" | "prefixHitTokens"
>;

/** The queue of waiting requests and the list of admitted ones. */
export class Scheduler {
  readonly #blocks: KvBlockPool;
  readonly #prefixCache: PrefixCache | null;
  readonly #maxBatchTokens: number;
  readonly #slots: number;
  readonly #freeSlots: number[];
  /** In the order of arrival, evicted ones first. */
  readonly #waiting: Request[] = [];
  /** In the order of arrival; all of them are older than those that wait. */
  readonly #admitted: Request[] = [];
  /** Causes told to waiting requests. */
  readonly #refusals = new WeakMap<Request, Set<RefusalCode>>();
  #pauses = 0;
  #evictions = 0;
  #prefixQueriedTokens = 0;
  #prefixHitTokens = 0;

  /**
   * @param blocks Where KV blocks come from.
   * @param limits The bounds of a step.
   * @param prefixCache What is known of blocks' content; null: nothing is shared.
   */
  constructor(blocks: KvBlockPool, limits: SchedulerLimits, prefixCache: PrefixCache | null = null) {
    this.#blocks = blocks;
    this.#prefixCache = prefixCache;
    this.#maxBatchTokens = limits.maxBatchTokens;
    // More running requests than tokens in a step could not all move forward in every step.
    this.#slots = Math.min(limits.maxBatchRequests, limits.maxBatchTokens);
    this.#freeSlots = Array.from({ length: this.#slots }, (_, index) => this.#slots - 1 - index);
  }

  /** Requests that wait for admission, next one first. */
  get waiting(): readonly Request[] {
    return this.#waiting;
  }

  /** Requests that hold a slot, running or paused, oldest first. */
  get admitted(): readonly Request[] {
    return this.#admitted;
  }

  /** Whether no request is here at all. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#admitted.length === 0;
  }

  /** Whether some prompt may be in the next step. */
  get hasPrompts(): boolean {
    return this.#waiting.length > 0 || this.#admitted.some(({ isPrefilling }) => isPrefilling);
  }

  /** How things stand, and what was counted so far. */
  counters(): SchedulerCounters {
    let paused = 0;
    for (const { status } of this.#admitted) if (status === "paused") paused++;
    return {
      running: this.#admitted.length - paused,
      paused,
      waiting: this.#waiting.length,
      pauses: this.#pauses,
      evictions: this.#evictions,
      prefixQueriedTokens: this.#prefixQueriedTokens,
      prefixHitTokens: this.#prefixHitTokens,
    };
  }

  /** Add a request, younger than all others. Alone in the pool, it must fit. */
  enqueue(request: Request): void {
    this.#waiting.push(request);
  }

  /**
   * Whether the next step needs blocks that somebody holds, so that a running request has to be paused or evicted. Then
   * nothing may be in flight when {@linkcode Scheduler.schedule} is called.
   */
  get mustPreempt(): boolean {
    let available = this.#blocks.availableBlocks;
    for (const [age, request] of this.#admitted.entries()) {
      if (request.isPrefilling || request.needsNoStep) continue;
      const missing = this.#missingBlocks(request);
      if (missing <= available) available -= missing;
      else if (request.status === "running" || age === 0) return true;
    }
    return false;
  }

  /**
   * Choose the next step. A step may be in flight unless {@linkcode Scheduler.mustPreempt}: what it samples for a request
   * is counted, and not known.
   *
   * @param listener Told of every decision.
   * @returns The step, or null when there is nothing to compute.
   */
  schedule(listener: SchedulingListener): Step | null {
    const plan = new StepPlan(this.#maxBatchTokens);
    this.#evictForOldest(listener);
    for (const request of this.#admitted) {
      if (request.isPrefilling || request.needsNoStep) continue;
      if (this.#mayDecode(request, listener)) plan.add(request);
    }
    plan.addPrompts(
      this.#admitted.filter((request) => request.isPrefilling && !request.needsNoStep),
      () => this.#admitNext(listener),
    );
    return plan.finish();
  }

  /**
   * Let later requests find what is in a request's full blocks.
   *
   * @param request A request that is admitted.
   * @param tokens How many of its tokens are computed and certain to stay.
   */
  confirm(request: Request, tokens: number): void {
    this.#prefixCache?.register(request, tokens);
  }

  /**
   * Take a request out, wherever it is, and free what it holds.
   *
   * Its blocks may be handed out again at once: whatever the next holder enqueues is ordered after this request's last
   * step on the same stream.
   *
   * @throws {UpbeatError} `INTERNAL` when it is not here (any more).
   */
  remove(request: Request): void {
    if (request.status === "queued") take(this.#waiting, request);
    else this.#free(request);
    request.status = "finished";
  }

  /**
   * Check that nothing is held when there is nothing to compute.
   *
   * @throws {UpbeatError} `INTERNAL`, with the numbers that do not fit.
   */
  checkIdle(): void {
    const held = {
      waiting: this.#waiting.length,
      admitted: this.#admitted.length,
      usedBlocks: this.#blocks.usedBlocks,
      usedSlots: this.#slots - this.#freeSlots.length,
    };
    if (Object.values(held).every((count) => count === 0)) return;
    throw new UpbeatError(
      "INTERNAL",
      `nothing can be computed, but ${held.waiting} requests wait, ${held.admitted} are admitted, and ` +
        `${held.usedBlocks} of ${this.#blocks.totalBlocks} KV blocks and ${held.usedSlots} of ${this.#slots} slots are held`,
      held,
    );
  }

  // ---- Blocks for decoding -----------------------------------------------------------------------------------------

  /**
   * Evict the youngest until the oldest can go on. A prefill that has begun is completed first: what it took was promised
   * to it, and whoever waits for it waits a bounded number of steps, as nobody is admitted meanwhile.
   */
  #evictForOldest(listener: SchedulingListener): void {
    const oldest = this.#admitted[0];
    if (oldest === undefined || oldest.isPrefilling || oldest.needsNoStep) return;
    while (!this.#blocks.canAllocate(this.#missingBlocks(oldest))) {
      const youngest = this.#admitted.at(-1)!;
      if (youngest === oldest || youngest.isPrefilling) return;
      this.#pause(youngest, listener);
      this.#evict(youngest, listener);
    }
  }

  /** Take the block that the next token of a decoding request needs, if it needs one; pause the request if there is none. */
  #mayDecode(request: Request, listener: SchedulingListener): boolean {
    const missing = this.#missingBlocks(request);
    if (!this.#blocks.canAllocate(missing)) {
      this.#pause(request, listener);
      return false;
    }
    if (missing > 0) request.blocks.push(...this.#blocks.allocate(missing));
    if (request.status === "paused") {
      request.status = "running";
      listener.resumed?.(request);
    }
    return true;
  }

  /** 1 where the next token is the first one of a block, else 0. */
  #missingBlocks(request: Request): number {
    return this.#blocks.blocksFor(request.computedTokens + 1) - request.blocks.length;
  }

  #pause(request: Request, listener: SchedulingListener): void {
    if (request.status === "paused") return;
    request.status = "paused";
    this.#pauses++;
    listener.paused?.(request);
  }

  #evict(request: Request, listener: SchedulingListener): void {
    this.#free(request);
    request.status = "queued";
    request.evictions++;
    this.#waiting.unshift(request);
    this.#evictions++;
    listener.evicted?.(request);
  }

  /** Take an admitted request's slot and blocks. */
  #free(request: Request): void {
    take(this.#admitted, request);
    this.#freeSlots.push(request.slot);
    request.slot = -1;
    this.#blocks.release(request.blocks);
    request.blocks = [];
    request.registeredBlocks = 0;
    request.computedTokens = 0;
    request.contextTokens = 0;
  }

  // ---- Admission ---------------------------------------------------------------------------------------------------

  /**
   * Admit the request at the front of the queue, if it can be: nobody overtakes it. As long as anybody is paused, there is
   * no block for it either.
   */
  #admitNext(listener: SchedulingListener): Request | null {
    const next = this.#waiting[0];
    if (next === undefined) return null;
    if (this.#freeSlots.length === 0) {
      return this.#refuse(next, "BATCH_FULL", `all ${this.#slots} slots are taken`, listener);
    }
    const cached = this.#cachedBlocks(next);
    const needed = this.#blocks.blocksFor(next.totalTokens + 1);
    // A cached block that nobody holds is one of the available ones too.
    const available = this.#blocks.availableBlocks + cached.filter((block) => this.#blocks.isHeld(block)).length;
    if (needed > available) {
      const reason = `it needs ${needed} KV blocks and can have ${available}`;
      return this.#refuse(next, "KV_BLOCKS_EXHAUSTED", reason, listener);
    }
    this.#admit(next, cached, needed);
    listener.admitted(next);
    return next;
  }

  #refuse(request: Request, code: RefusalCode, reason: string, listener: SchedulingListener): null {
    const told = this.#refusals.get(request) ?? new Set();
    if (request.evictions > 0 || told.has(code)) return null;
    this.#refusals.set(request, told.add(code));
    listener.refused?.(request, code, `the request waits for admission: ${reason}; it goes on as others finish`);
    return null;
  }

  #admit(request: Request, cached: readonly number[], needed: number): void {
    take(this.#waiting, request);
    this.#admitted.push(request);
    request.status = "running";
    request.slot = this.#freeSlots.pop()!;
    // Shared first, so that they are not handed out for something else.
    for (const block of cached) this.#blocks.share(block);
    request.blocks = [...cached, ...this.#blocks.allocate(needed - cached.length)];
    request.registeredBlocks = cached.length;
    request.cachedTokens = cached.length * this.#blocks.blockSize;
    request.computedTokens = request.cachedTokens;
    request.contextTokens = request.totalTokens;
    if (request.evictions > 0) return;
    this.#prefixQueriedTokens += request.promptLength;
    this.#prefixHitTokens += request.cachedTokens;
  }

  /** Blocks that hold the beginning of a sequence. The last known token is always computed: its logits give the next. */
  #cachedBlocks(request: Request): number[] {
    return this.#prefixCache?.find(request, request.totalTokens - 1) ?? [];
  }
}

/** Take a request out of a list. */
function take(list: Request[], request: Request): void {
  const index = list.indexOf(request);
  if (index < 0) {
    throw new UpbeatError("INTERNAL", `request ${request.id}, which is ${request.status}, is not where it was`, {
      requestId: request.id,
      status: request.status,
    });
  }
  list.splice(index, 1);
}
