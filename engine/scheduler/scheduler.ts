/**
 * Scheduling policy: continuous batching with chunked prefill (Yu et al. 2022, Orca; Agrawal et al. 2024, Sarathi-Serve),
 * over KV blocks that are allocated as sequences grow.
 *
 * There is no prefill or decode phase: a step computes one token of each decoding request, then chunks of prompts.
 *
 * Requests are served in order of arrival, and that order never changes: every admitted request is older than every waiting
 * one, preempted requests included. A request is admitted with blocks for all of its known tokens and one more, so only
 * decoding can run out of blocks. Then the oldest requests are served first, and a request that gets no block is paused: it
 * keeps its blocks and waits. The oldest request never waits for the blocks of a younger one: the youngest is preempted, and
 * is recomputed from the front of the queue. So the oldest request always makes progress, and every request becomes the
 * oldest eventually.
 *
 * @module
 */
import { type ErrorCode, UpbeatError } from "../../errors.ts";
import type { KvBlockPool } from "./kv_block_pool.ts";
import type { PrefixCache } from "./prefix_cache.ts";
import type { ExecutorCounters } from "../telemetry/executor_counters.ts";
import type { Request } from "./request.ts";
import { type Step, StepPlan } from "./step_plan.ts";

/** Bounds of a step. */
export interface SchedulerLimits {
  /** Most tokens in a step. */
  readonly maxBatchTokens: number;
  /** Most requests that are admitted at the same time. */
  readonly maxBatchRequests: number;
}

/** Why a request cannot be admitted yet. */
export type RefusalCode = Extract<ErrorCode, "BATCH_FULL" | "KV_BLOCKS_EXHAUSTED">;

/** Called with each decision of the scheduler, in order. */
export interface SchedulingListener {
  /** A request got its batch slot and blocks; its known tokens must be on the device before its first step. */
  admitted(request: Request): void;
  /** The request at the front of the queue cannot be admitted yet; once per request and cause, never after a preemption. */
  refused?(request: Request, code: RefusalCode, message: string): void;
  /** A running request got no block; it keeps the blocks it holds. */
  paused?(request: Request): void;
  /** A paused request runs again. */
  resumed?(request: Request): void;
  /** A request lost its blocks and its batch slot, and is at the front of the queue. */
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
  /** In order of arrival, so preempted ones first. */
  readonly #waiting: Request[] = [];
  /** In order of arrival; all are older than the waiting ones. */
  readonly #admitted: Request[] = [];
  /** Causes already reported for waiting requests. */
  readonly #refusals = new WeakMap<Request, Set<RefusalCode>>();
  #pauses = 0;
  #evictions = 0;
  #prefixQueriedTokens = 0;
  #prefixHitTokens = 0;

  /**
   * @param blocks The pool of KV blocks.
   * @param limits The bounds of a step.
   * @param prefixCache Finds blocks with known content; null: no blocks are shared.
   */
  constructor(blocks: KvBlockPool, limits: SchedulerLimits, prefixCache: PrefixCache | null = null) {
    this.#blocks = blocks;
    this.#prefixCache = prefixCache;
    this.#maxBatchTokens = limits.maxBatchTokens;
    // More running requests than tokens in a step could not all move forward in every step.
    this.#slots = Math.min(limits.maxBatchRequests, limits.maxBatchTokens);
    this.#freeSlots = Array.from({ length: this.#slots }, (_, index) => this.#slots - 1 - index);
  }

  /** Requests that wait for admission, the next one first. */
  get waiting(): readonly Request[] {
    return this.#waiting;
  }

  /** Running and paused requests, oldest first. */
  get admitted(): readonly Request[] {
    return this.#admitted;
  }

  /** Whether there is no request at all. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#admitted.length === 0;
  }

  /** Whether the next step may compute part of a prompt. */
  get hasPrompts(): boolean {
    return this.#waiting.length > 0 || this.#admitted.some(({ isPrefilling }) => isPrefilling);
  }

  /** The current state and the totals so far. */
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

  /** Adds the youngest request. It must fit the pool when alone. */
  enqueue(request: Request): void {
    this.#waiting.push(request);
  }

  /**
   * Whether the next step needs blocks that are taken, so that a running request has to be paused or preempted. Then no step
   * may be in flight when {@linkcode Scheduler.schedule} is called.
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
   * Chooses the next step. A step may be in flight unless {@linkcode Scheduler.mustPreempt}: the tokens that it samples are
   * counted, though their values are unknown.
   *
   * @param listener Called with each decision.
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
   * Registers a request's full blocks in the prefix cache.
   *
   * @param request An admitted request.
   * @param tokens Number of its tokens that are computed and final.
   */
  confirm(request: Request, tokens: number): void {
    this.#prefixCache?.register(request, tokens);
  }

  /**
   * Removes a request and frees what it holds.
   *
   * Its blocks may be allocated again at once: whatever the next owner enqueues is ordered after this request's last step on
   * the same stream.
   *
   * @throws {UpbeatError} `INTERNAL` if the scheduler does not have it.
   */
  remove(request: Request): void {
    if (request.status === "queued") take(this.#waiting, request);
    else this.#free(request);
    request.status = "finished";
  }

  /**
   * Checks that nothing is held when there is nothing to compute.
   *
   * @throws {UpbeatError} `INTERNAL`, with the counts.
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
   * Preempts the youngest requests until the oldest can go on. A prefill that has begun is completed first: its blocks were
   * promised to it, and the wait is bounded, as no request is admitted meanwhile.
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

  /** Allocates the block for the next token of a decoding request, if it needs one; pauses the request if there is none. */
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

  /** 1 if the next token starts a block, else 0. */
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

  /** Frees the batch slot and blocks of an admitted request. */
  #free(request: Request): void {
    take(this.#admitted, request);
    this.#freeSlots.push(request.batchSlot);
    request.batchSlot = -1;
    this.#blocks.release(request.blocks);
    request.blocks = [];
    request.registeredBlocks = 0;
    request.computedTokens = 0;
    request.contextTokens = 0;
  }

  // ---- Admission ---------------------------------------------------------------------------------------------------

  /**
   * Admits the request at the front of the queue, if possible; no other request overtakes it. While a request is paused
   * there is no block for it.
   */
  #admitNext(listener: SchedulingListener): Request | null {
    const next = this.#waiting[0];
    if (next === undefined) return null;
    if (this.#freeSlots.length === 0) {
      return this.#refuse(next, "BATCH_FULL", `all ${this.#slots} slots are taken`, listener);
    }
    const cached = this.#cachedBlocks(next);
    const needed = this.#blocks.blocksFor(next.totalTokens + 1);
    // A cached block without a holder also counts as available.
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
    const reported = this.#refusals.get(request) ?? new Set();
    if (request.evictions > 0 || reported.has(code)) return null;
    this.#refusals.set(request, reported.add(code));
    listener.refused?.(request, code, `the request waits for admission: ${reason}; it goes on as others finish`);
    return null;
  }

  #admit(request: Request, cached: readonly number[], needed: number): void {
    take(this.#waiting, request);
    this.#admitted.push(request);
    request.status = "running";
    request.batchSlot = this.#freeSlots.pop()!;
    // Shared first, so that allocating does not reclaim them.
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

  /** Cached blocks of a sequence. The last known token is always computed, as its logits give the next one. */
  #cachedBlocks(request: Request): number[] {
    return this.#prefixCache?.find(request, request.totalTokens - 1) ?? [];
  }
}

/** Removes a request from a list. */
function take(list: Request[], request: Request): void {
  const index = list.indexOf(request);
  if (index < 0) {
    throw new UpbeatError("INTERNAL", `request ${request.id}, which is ${request.status}, is not in its list`, {
      requestId: request.id,
      status: request.status,
    });
  }
  list.splice(index, 1);
}
