import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { KvBlockPool } from "../../../engine/scheduler/kv_block_pool.ts";
import { PrefixCache } from "../../../engine/scheduler/prefix_cache.ts";
import type { Request } from "../../../engine/scheduler/request.ts";
import { Scheduler } from "../../../engine/scheduler/scheduler.ts";
import type { Step } from "../../../engine/scheduler/step_plan.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";
import { makeRequest } from "../../support/scripted/requests.ts";

interface Setup {
  readonly blocks?: number;
  readonly maxBatchTokens?: number;
  readonly maxBatchRequests?: number;
  readonly prefixCache?: boolean;
}

/** A scheduler, a device that always samples token 7, and a log of decisions. */
class Fixture {
  readonly pool: KvBlockPool;
  readonly scheduler: Scheduler;
  /** Decisions of the last step, such as "pause 3". */
  decisions: string[] = [];
  readonly #log = (what: string) => (request: Request, code = "") =>
    void this.decisions.push(`${what} ${request.id} ${code}`.trim());
  readonly listener = {
    admitted: this.#log("admit"),
    refused: this.#log("refuse"),
    paused: this.#log("pause"),
    resumed: this.#log("resume"),
    evicted: this.#log("evict"),
  };

  constructor({ blocks = 32, maxBatchTokens = 8, maxBatchRequests = 4, prefixCache = false }: Setup = {}) {
    this.pool = new KvBlockPool(blocks, 4);
    const cache = prefixCache ? new PrefixCache(this.pool) : null;
    this.scheduler = new Scheduler(this.pool, { maxBatchTokens, maxBatchRequests }, cache);
  }

  enqueue(...requests: Request[]): void {
    for (const request of requests) this.scheduler.enqueue(request);
  }

  /** Schedules a step and updates its requests as the executor does. */
  step(): Step | null {
    this.decisions = [];
    const step = this.scheduler.schedule(this.listener);
    for (const { request, count, samples } of step?.scheduled ?? []) {
      request.computedTokens += count;
      this.scheduler.confirm(request, request.computedTokens);
      if (!samples) continue;
      request.tokenIds.push(7);
      if (request.tokenIds.length === request.maxTokens) this.scheduler.remove(request);
    }
    return step;
  }

  /** Runs a step and returns its rows as [id, tokens]. */
  rows(): [id: number, tokens: number][] | null {
    return this.step()?.scheduled.map(({ request, count }) => [request.id, count]) ?? null;
  }

  /** Runs until idle and returns the decisions per step, without steps that have none. */
  run(): string[][] {
    const all: string[][] = [];
    for (let steps = 0; this.step() !== null; steps++) {
      assert(steps < 5000, "no progress");
      if (this.decisions.length > 0) all.push(this.decisions);
    }
    this.scheduler.checkIdle();
    return all;
  }
}

test("schedule() returns null when there are no requests", () => {
  const fixture = new Fixture();
  assertEquals(fixture.step(), null);
  assert(fixture.scheduler.isIdle);
});

test("schedule() cuts a long prompt into chunks, and only the last one samples", () => {
  const fixture = new Fixture();
  fixture.enqueue(makeRequest(1, 20, 2));
  const steps: unknown[] = [];
  for (let step = fixture.scheduler.schedule(fixture.listener); step !== null;) {
    steps.push(step.scheduled.map(({ start, count, samples }) => [start, count, samples]));
    for (const { request, count, samples } of step.scheduled) {
      request.computedTokens += count;
      if (samples && request.tokenIds.push(7) === request.maxTokens) fixture.scheduler.remove(request);
    }
    step = fixture.scheduler.schedule(fixture.listener);
  }
  assertEquals(steps, [[[0, 8, false]], [[8, 8, false]], [[16, 4, true]], [[20, 1, true]]]);
});

test("schedule() adds decoding requests first, then prompts", () => {
  const fixture = new Fixture();
  fixture.enqueue(makeRequest(1, 3, 9));
  fixture.step();
  fixture.enqueue(makeRequest(2, 9, 9));
  assertEquals(fixture.rows(), [[1, 1], [2, 7]]);
});

test("schedule() gives a long prompt half of the step when others wait, and all of it otherwise", () => {
  const fixture = new Fixture({ blocks: 64, maxBatchTokens: 16, maxBatchRequests: 8 });
  fixture.enqueue(makeRequest(1, 100, 2));
  assertEquals(fixture.rows(), [[1, 16]]);
  fixture.enqueue(makeRequest(2, 3, 2), makeRequest(3, 2, 2));
  // 8 tokens for the long prompt, all tokens of the short ones, and the remaining 3 for the long one again.
  assertEquals(fixture.rows(), [[2, 3], [3, 2], [1, 11]]);
  assertEquals(fixture.rows(), [[2, 1], [3, 1], [1, 14]]);
  assertEquals(fixture.rows(), [[1, 16]]);
});

test("schedule() starts a short prompt at once when any number of long ones precede it", () => {
  const fixture = new Fixture({ blocks: 200, maxBatchTokens: 16, maxBatchRequests: 8 });
  fixture.enqueue(...[1, 2, 3].map((id) => makeRequest(id, 100, 1)), makeRequest(4, 2, 1));
  assertEquals(fixture.rows(), [[4, 2], [1, 8], [2, 4], [3, 2]]);
});

test("schedule() admits requests in order of arrival when blocks for the prompt and one token are free", () => {
  const fixture = new Fixture({ blocks: 4, maxBatchTokens: 16 });
  // Prompts of 3, 8 and 1 tokens take 1, 3 and 1 blocks.
  fixture.enqueue(makeRequest(1, 3, 12), makeRequest(2, 8, 4), makeRequest(3, 1, 1));
  assertEquals(fixture.rows(), [[1, 3], [2, 8]]);
  assertEquals(fixture.pool.usedBlocks, 4);
  assertEquals(fixture.scheduler.waiting.map(({ id }) => id), [3]);
});

test("schedule() reports a refused admission once per cause", () => {
  const fixture = new Fixture({ blocks: 4, maxBatchTokens: 16, maxBatchRequests: 2 });
  fixture.enqueue(makeRequest(1, 3, 5), makeRequest(2, 3, 2), makeRequest(3, 12, 2));
  // At first there is no slot; after the end of request 2, no blocks; then request 1 ends, too.
  assertEquals(fixture.run(), [
    ["admit 1", "admit 2", "refuse 3 BATCH_FULL"],
    ["refuse 3 KV_BLOCKS_EXHAUSTED"],
    ["admit 3"],
  ]);
});

test("schedule() pauses the youngest requests when blocks run out, and resumes the oldest first", () => {
  const fixture = new Fixture({ blocks: 5, maxBatchTokens: 16 });
  // All need a second block at the same time; two are free.
  fixture.enqueue(makeRequest(1, 3, 4), makeRequest(2, 3, 4), makeRequest(3, 3, 4));
  assertEquals(fixture.run(), [["admit 1", "admit 2", "admit 3"], ["pause 3"], ["resume 3"]]);
});

test("schedule() continues a younger request while it needs no block", () => {
  const fixture = new Fixture({ blocks: 3, maxBatchTokens: 16 });
  fixture.enqueue(makeRequest(1, 1, 4), makeRequest(2, 3, 4), makeRequest(3, 1, 4));
  fixture.step();
  fixture.step();
  assertEquals([fixture.rows(), fixture.decisions], [[[1, 1], [3, 1]], ["pause 2"]]);
});

test("schedule() preempts the youngest for the oldest, requeues it at the front, and recomputes it", () => {
  const fixture = new Fixture({ blocks: 4, maxBatchTokens: 16 });
  const requests = [makeRequest(1, 3, 9), makeRequest(2, 3, 9), makeRequest(3, 3, 9)];
  fixture.enqueue(...requests);
  fixture.step();
  fixture.step();
  assertEquals([fixture.rows(), fixture.decisions], [[[1, 1]], ["pause 2", "pause 3"]]);
  fixture.enqueue(makeRequest(4, 1, 1));
  for (let step = 0; step < 3; step++) assertEquals(fixture.rows(), [[1, 1]]);
  assertEquals([fixture.rows(), fixture.decisions], [[[1, 1]], ["evict 3"]]);
  assertEquals(fixture.scheduler.waiting.map(({ id, status, batchSlot }) => [id, status, batchSlot]), [
    [3, "queued", -1],
    [4, "queued", -1],
  ]);
  fixture.run();
  assertEquals(requests.map(({ tokenIds }) => tokenIds.length), [9, 9, 9]);
});

test("schedule() pauses a request before it preempts it", () => {
  const fixture = new Fixture({ blocks: 2, maxBatchTokens: 16 });
  fixture.enqueue(makeRequest(1, 3, 5), makeRequest(2, 1, 5));
  assertEquals(fixture.run().slice(0, 2), [["admit 1", "admit 2"], ["pause 2", "evict 2"]]);
});

test("schedule() admits no requests while others are paused", () => {
  const fixture = new Fixture({ blocks: 5, maxBatchTokens: 16, maxBatchRequests: 5 });
  fixture.enqueue(makeRequest(1, 3, 4), makeRequest(2, 3, 4), makeRequest(3, 3, 4), makeRequest(4, 3, 4));
  for (let step = 0; step < 3; step++) fixture.step();
  assertEquals(fixture.decisions, ["pause 2", "pause 3", "pause 4"]);
  fixture.enqueue(makeRequest(5, 1, 1));
  // Request 1 finishes and frees two blocks: they are for requests 2 and 3, although request 5 needs only one.
  assertEquals(fixture.run().slice(0, 2), [["refuse 5 KV_BLOCKS_EXHAUSTED"], ["resume 2", "resume 3"]]);
});

test("schedule() completes a started prefill before its blocks can be taken", () => {
  const fixture = new Fixture({ blocks: 8, maxBatchTokens: 4 });
  fixture.enqueue(makeRequest(1, 3, 9));
  fixture.step();
  fixture.enqueue(makeRequest(2, 24, 4));
  // Request 2 has all free blocks; request 1 waits for its last chunk, then takes its blocks.
  assertEquals(fixture.run().slice(0, 3), [["admit 2"], ["pause 1"], ["pause 2", "evict 2", "resume 1"]]);
});

test("schedule() finishes a preempted request whose sequence exceeds the token budget", () => {
  const fixture = new Fixture({ blocks: 8, maxBatchTokens: 3 });
  const requests = [makeRequest(1, 10, 12), makeRequest(2, 10, 12)];
  fixture.enqueue(...requests);
  fixture.run();
  assertEquals(requests.map(({ tokenIds }) => tokenIds.length), [12, 12]);
  assert(requests[1]!.evictions > 0);
});

test("schedule() skips cached blocks, and always computes the last token", () => {
  const fixture = new Fixture({ maxBatchTokens: 64, prefixCache: true });
  const prompt = Array.from({ length: 12 }, (_, index) => index);
  fixture.enqueue(makeRequest(1, prompt, 1));
  fixture.run();
  assertEquals([fixture.pool.usedBlocks, fixture.pool.cachedBlocks], [0, 3]);
  fixture.enqueue(makeRequest(2, prompt, 1), makeRequest(3, [...prompt.slice(0, 11), 99], 1));
  assertEquals(fixture.rows(), [[2, 4], [3, 4]]);
  const { prefixQueriedTokens, prefixHitTokens } = fixture.scheduler.counters();
  assertEquals([prefixQueriedTokens, prefixHitTokens], [36, 16]);
});

test("schedule() reclaims cached blocks before it delays a request", () => {
  const fixture = new Fixture({ blocks: 4, maxBatchTokens: 64, prefixCache: true });
  fixture.enqueue(makeRequest(1, 14, 1));
  fixture.run();
  assertEquals(fixture.pool.cachedBlocks, 3);
  fixture.enqueue(makeRequest(2, 4, 12));
  assertEquals(fixture.run(), [["admit 2"]]);
});

test("schedule() finds the cached blocks of a preempted request that were not reclaimed", () => {
  const fixture = new Fixture({ blocks: 8, maxBatchTokens: 64, prefixCache: true });
  const [older, younger] = [makeRequest(1, 3, 9), makeRequest(2, 24, 4)];
  fixture.enqueue(older, younger);
  while (younger.evictions === 0) fixture.step();
  fixture.run();
  // It had six full blocks, of which the older request took the last one.
  assertEquals(younger.cachedTokens, 20);
  assertEquals(fixture.scheduler.counters().prefixHitTokens, 0);
});

test("requests with the same prompt share full blocks while they run", () => {
  const fixture = new Fixture({ maxBatchTokens: 64, prefixCache: true });
  const prompt = Array.from({ length: 9 }, (_, index) => index);
  const requests = [makeRequest(1, prompt, 4), makeRequest(2, prompt, 4)];
  fixture.enqueue(...requests);
  fixture.step();
  assertEquals(requests[0]!.blocks.slice(0, 2), requests[1]!.blocks.slice(0, 2));
  assertEquals(fixture.pool.usedBlocks, 4);
  fixture.run();
});

test("remove() keeps the order of waiting requests", () => {
  const fixture = new Fixture({ blocks: 4, maxBatchTokens: 16, maxBatchRequests: 1 });
  const requests = [1, 2, 3].map((id) => makeRequest(id, 2, 2));
  fixture.enqueue(...requests);
  fixture.scheduler.schedule(fixture.listener);
  fixture.scheduler.remove(requests[1]!);
  assertEquals(fixture.scheduler.waiting.map(({ id }) => id), [3]);
});

test("remove() throws when a request was removed before", () => {
  const fixture = new Fixture();
  const request = makeRequest(5, 2, 2);
  fixture.enqueue(request, makeRequest(6, 2, 2));
  fixture.scheduler.schedule(fixture.listener);
  fixture.scheduler.remove(request);
  assertUpbeatError(() => fixture.scheduler.remove(request), "INTERNAL", "request 5", "finished");
  assertEquals(fixture.scheduler.admitted.map(({ id }) => id), [6]);
});

test("checkIdle() names the resources in use", () => {
  const fixture = new Fixture({ blocks: 9 });
  fixture.enqueue(makeRequest(1, 5, 2));
  fixture.scheduler.schedule(fixture.listener);
  fixture.enqueue(makeRequest(2, 5, 2));
  assertUpbeatError(
    () => fixture.scheduler.checkIdle(),
    "INTERNAL",
    "1 requests wait",
    "2 of 9 KV blocks",
    "1 of 4 slots",
  );
});

test("schedule() completes every request within its limits for random arrivals and cancels", () => {
  const shape = fc.record({
    prompt: fc.integer({ min: 1, max: 30 }),
    output: fc.integer({ min: 1, max: 30 }),
    /** Prompts of one family share a prefix. */
    family: fc.nat({ max: 2 }),
    arrival: fc.nat({ max: 30 }),
    cancelAt: fc.option(fc.nat({ max: 60 }), { nil: Infinity }),
  });
  const limits = fc.record({
    blocks: fc.integer({ min: 15, max: 24 }),
    maxBatchTokens: fc.integer({ min: 1, max: 24 }),
    maxBatchRequests: fc.integer({ min: 1, max: 6 }),
    prefixCache: fc.boolean(),
  });
  const seen = { evictions: 0, pauses: 0, prefixHitTokens: 0 };
  fc.assert(
    fc.property(fc.array(shape, { maxLength: 12 }), limits, (shapes, { blocks, ...rest }) => {
      const fixture = new Fixture({ blocks, ...rest });
      const { scheduler, pool } = fixture;
      const requests = shapes.map(({ prompt, output, family }, id) =>
        makeRequest(id, Array.from({ length: prompt }, (_, index) => family * 100 + index), output)
      );
      let work = 0;
      for (const { prompt, output } of shapes) work += prompt + output;
      let steps = 0;
      const lastArrival = Math.max(0, ...shapes.map(({ arrival }) => arrival));
      for (; steps <= lastArrival || !scheduler.isIdle; steps++) {
        // Preemptions repeat work, but the oldest request makes progress every few steps.
        assertLessOrEqual(steps, 31 + 60 * work, "no progress");
        for (const [index, { arrival, cancelAt }] of shapes.entries()) {
          const request = requests[index]!;
          if (arrival === steps) fixture.enqueue(request);
          if (arrival + cancelAt === steps && request.status !== "finished") scheduler.remove(request);
        }
        const blocksBefore = new Map(scheduler.admitted.map((request) => [request, request.registeredBlocks]));
        const step = fixture.step();
        if (step === null) continue;
        assert(step.tokens <= rest.maxBatchTokens && step.scheduled.length <= rest.maxBatchRequests);
        assertEquals(step.tokens, step.scheduled.reduce((sum, { count }) => sum + count, 0));
        assertEquals(step.scheduled.map(({ samples }) => samples).lastIndexOf(true) + 1, step.samplingRequests);
        for (const { request, start } of step.scheduled) {
          // No block that others may read is written.
          assert(Math.floor(start / 4) >= (blocksBefore.get(request) ?? request.cachedTokens / 4));
        }
        const slots = scheduler.admitted.map(({ batchSlot }) => batchSlot);
        assertEquals(new Set(slots).size, slots.length);
        assert(slots.every((slot) => slot >= 0 && slot < rest.maxBatchRequests));
        const inUse = new Set(scheduler.admitted.flatMap((request) => request.blocks));
        assertEquals(inUse.size, pool.usedBlocks);
        const ids = [...scheduler.admitted, ...scheduler.waiting].map(({ id }) => shapes[id]!.arrival * 100 + id);
        assertEquals(ids, [...ids].sort((a, b) => a - b), "the order of arrival");
      }
      scheduler.checkIdle();
      for (const [index, { output, cancelAt }] of shapes.entries()) {
        const { length } = requests[index]!.tokenIds;
        assert(cancelAt === Infinity ? length === output : length <= output);
      }
      const counters = scheduler.counters();
      seen.evictions += counters.evictions;
      seen.pauses += counters.pauses;
      seen.prefixHitTokens += counters.prefixHitTokens;
    }),
    { seed: 12, numRuns: 400 },
  );
  assert(seen.evictions > 100 && seen.pauses > 100 && seen.prefixHitTokens > 100, JSON.stringify(seen));
});
