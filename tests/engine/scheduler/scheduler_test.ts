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

interface SetUp {
  readonly blocks?: number;
  readonly maxBatchTokens?: number;
  readonly maxBatchRequests?: number;
  readonly prefixCache?: boolean;
}

/** A scheduler with a device that always gives token 7, and a log of its decisions. */
class Bench {
  readonly pool: KvBlockPool;
  readonly scheduler: Scheduler;
  /** What was decided since the last step, such as "pause 3". */
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

  constructor({ blocks = 32, maxBatchTokens = 8, maxBatchRequests = 4, prefixCache = false }: SetUp = {}) {
    this.pool = new KvBlockPool(blocks, 4);
    const cache = prefixCache ? new PrefixCache(this.pool) : null;
    this.scheduler = new Scheduler(this.pool, { maxBatchTokens, maxBatchRequests }, cache);
  }

  enqueue(...requests: Request[]): void {
    for (const request of requests) this.scheduler.enqueue(request);
  }

  /** Schedule, and do to the requests what the executor does after the step. */
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

  /** Steps as [id, tokens] of each row. */
  rows(): [id: number, tokens: number][] | null {
    return this.step()?.scheduled.map(({ request, count }) => [request.id, count]) ?? null;
  }

  /** The decisions of all steps until nothing is left to do; steps without decisions are left out. */
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

test("schedule() gives nothing when nobody waits", () => {
  const bench = new Bench();
  assertEquals(bench.step(), null);
  assert(bench.scheduler.isIdle);
});

test("schedule() cuts a long prompt into chunks, and only the last one samples", () => {
  const bench = new Bench();
  bench.enqueue(makeRequest(1, 20, 2));
  const steps: unknown[] = [];
  for (let step = bench.scheduler.schedule(bench.listener); step !== null;) {
    steps.push(step.scheduled.map(({ start, count, samples }) => [start, count, samples]));
    for (const { request, count, samples } of step.scheduled) {
      request.computedTokens += count;
      if (samples && request.tokenIds.push(7) === request.maxTokens) bench.scheduler.remove(request);
    }
    step = bench.scheduler.schedule(bench.listener);
  }
  assertEquals(steps, [[[0, 8, false]], [[8, 8, false]], [[16, 4, true]], [[20, 1, true]]]);
});

test("schedule() takes decoding requests first and fills up with prompts", () => {
  const bench = new Bench();
  bench.enqueue(makeRequest(1, 3, 9));
  bench.step();
  bench.enqueue(makeRequest(2, 9, 9));
  assertEquals(bench.rows(), [[1, 1], [2, 7]]);
});

test("schedule() gives a long prompt half of the step while others stand behind it, and all of it otherwise", () => {
  const bench = new Bench({ blocks: 64, maxBatchTokens: 16, maxBatchRequests: 8 });
  bench.enqueue(makeRequest(1, 100, 2));
  assertEquals(bench.rows(), [[1, 16]]);
  bench.enqueue(makeRequest(2, 3, 2), makeRequest(3, 2, 2));
  // 8 to the long one, and to the others what they want; the 3 that are left go to the long one again.
  assertEquals(bench.rows(), [[2, 3], [3, 2], [1, 11]]);
  assertEquals(bench.rows(), [[2, 1], [3, 1], [1, 14]]);
  assertEquals(bench.rows(), [[1, 16]]);
});

test("schedule() starts a short prompt at once behind any number of long ones", () => {
  const bench = new Bench({ blocks: 200, maxBatchTokens: 16, maxBatchRequests: 8 });
  bench.enqueue(...[1, 2, 3].map((id) => makeRequest(id, 100, 1)), makeRequest(4, 2, 1));
  assertEquals(bench.rows(), [[4, 2], [1, 8], [2, 4], [3, 2]]);
});

test("schedule() admits with blocks for the prompt and one token, in the order of arrival", () => {
  const bench = new Bench({ blocks: 4, maxBatchTokens: 16 });
  // Prompts of 3, 8 and 1 tokens take 1, 3 and 1 blocks.
  bench.enqueue(makeRequest(1, 3, 12), makeRequest(2, 8, 4), makeRequest(3, 1, 1));
  assertEquals(bench.rows(), [[1, 3], [2, 8]]);
  assertEquals(bench.pool.usedBlocks, 4);
  assertEquals(bench.scheduler.waiting.map(({ id }) => id), [3]);
});

test("schedule() tells once per cause that admission is refused", () => {
  const bench = new Bench({ blocks: 4, maxBatchTokens: 16, maxBatchRequests: 2 });
  bench.enqueue(makeRequest(1, 3, 5), makeRequest(2, 3, 2), makeRequest(3, 12, 2));
  // First no slot; once request 2 is gone, no blocks; then request 1 goes too.
  assertEquals(bench.run(), [
    ["admit 1", "admit 2", "refuse 3 BATCH_FULL"],
    ["refuse 3 KV_BLOCKS_EXHAUSTED"],
    ["admit 3"],
  ]);
});

test("schedule() pauses the youngest that need a block where there is none, and resumes the oldest first", () => {
  const bench = new Bench({ blocks: 5, maxBatchTokens: 16 });
  // All need a second block at the same time; two are left.
  bench.enqueue(makeRequest(1, 3, 4), makeRequest(2, 3, 4), makeRequest(3, 3, 4));
  assertEquals(bench.run(), [["admit 1", "admit 2", "admit 3"], ["pause 3"], ["resume 3"]]);
});

test("schedule() lets a younger request go on while it needs no block", () => {
  const bench = new Bench({ blocks: 3, maxBatchTokens: 16 });
  bench.enqueue(makeRequest(1, 1, 4), makeRequest(2, 3, 4), makeRequest(3, 1, 4));
  bench.step();
  bench.step();
  assertEquals([bench.rows(), bench.decisions], [[[1, 1], [3, 1]], ["pause 2"]]);
});

test("schedule() evicts the youngest for the oldest, to the front of the queue, and recomputes it", () => {
  const bench = new Bench({ blocks: 4, maxBatchTokens: 16 });
  const requests = [makeRequest(1, 3, 9), makeRequest(2, 3, 9), makeRequest(3, 3, 9)];
  bench.enqueue(...requests);
  bench.step();
  bench.step();
  assertEquals([bench.rows(), bench.decisions], [[[1, 1]], ["pause 2", "pause 3"]]);
  bench.enqueue(makeRequest(4, 1, 1));
  for (let step = 0; step < 3; step++) assertEquals(bench.rows(), [[1, 1]]);
  assertEquals([bench.rows(), bench.decisions], [[[1, 1]], ["evict 3"]]);
  assertEquals(bench.scheduler.waiting.map(({ id, status, batchSlot }) => [id, status, batchSlot]), [
    [3, "queued", -1],
    [4, "queued", -1],
  ]);
  bench.run();
  assertEquals(requests.map(({ tokenIds }) => tokenIds.length), [9, 9, 9]);
});

test("schedule() pauses a request before it evicts it", () => {
  const bench = new Bench({ blocks: 2, maxBatchTokens: 16 });
  bench.enqueue(makeRequest(1, 3, 5), makeRequest(2, 1, 5));
  assertEquals(bench.run().slice(0, 2), [["admit 1", "admit 2"], ["pause 2", "evict 2"]]);
});

test("schedule() admits nobody while requests are paused", () => {
  const bench = new Bench({ blocks: 5, maxBatchTokens: 16, maxBatchRequests: 5 });
  bench.enqueue(makeRequest(1, 3, 4), makeRequest(2, 3, 4), makeRequest(3, 3, 4), makeRequest(4, 3, 4));
  for (let step = 0; step < 3; step++) bench.step();
  assertEquals(bench.decisions, ["pause 2", "pause 3", "pause 4"]);
  bench.enqueue(makeRequest(5, 1, 1));
  // Request 1 finishes and leaves two blocks: they are for requests 2 and 3, though request 5 needs but one.
  assertEquals(bench.run().slice(0, 2), [["refuse 5 KV_BLOCKS_EXHAUSTED"], ["resume 2", "resume 3"]]);
});

test("schedule() completes a prefill that has begun before anybody takes its blocks", () => {
  const bench = new Bench({ blocks: 8, maxBatchTokens: 4 });
  bench.enqueue(makeRequest(1, 3, 9));
  bench.step();
  bench.enqueue(makeRequest(2, 24, 4));
  // Request 2 has taken all blocks; request 1 waits for the last of its chunks, then takes them.
  assertEquals(bench.run().slice(0, 3), [["admit 2"], ["pause 1"], ["pause 2", "evict 2", "resume 1"]]);
});

test("schedule() finishes an evicted request whose sequence exceeds the token budget", () => {
  const bench = new Bench({ blocks: 8, maxBatchTokens: 3 });
  const requests = [makeRequest(1, 10, 12), makeRequest(2, 10, 12)];
  bench.enqueue(...requests);
  bench.run();
  assertEquals(requests.map(({ tokenIds }) => tokenIds.length), [12, 12]);
  assert(requests[1]!.evictions > 0);
});

test("schedule() starts behind cached blocks, and always computes the last token", () => {
  const bench = new Bench({ maxBatchTokens: 64, prefixCache: true });
  const prompt = Array.from({ length: 12 }, (_, index) => index);
  bench.enqueue(makeRequest(1, prompt, 1));
  bench.run();
  assertEquals([bench.pool.usedBlocks, bench.pool.cachedBlocks], [0, 3]);
  bench.enqueue(makeRequest(2, prompt, 1), makeRequest(3, [...prompt.slice(0, 11), 99], 1));
  assertEquals(bench.rows(), [[2, 4], [3, 4]]);
  const { prefixQueriedTokens, prefixHitTokens } = bench.scheduler.counters();
  assertEquals([prefixQueriedTokens, prefixHitTokens], [36, 16]);
});

test("schedule() reclaims cached blocks before it holds anybody back", () => {
  const bench = new Bench({ blocks: 4, maxBatchTokens: 64, prefixCache: true });
  bench.enqueue(makeRequest(1, 14, 1));
  bench.run();
  assertEquals(bench.pool.cachedBlocks, 3);
  bench.enqueue(makeRequest(2, 4, 12));
  assertEquals(bench.run(), [["admit 2"]]);
});

test("an evicted request finds those of its blocks again that nobody took", () => {
  const bench = new Bench({ blocks: 8, maxBatchTokens: 64, prefixCache: true });
  const [older, younger] = [makeRequest(1, 3, 9), makeRequest(2, 24, 4)];
  bench.enqueue(older, younger);
  while (younger.evictions === 0) bench.step();
  bench.run();
  // It had six full blocks; the older one took the last of them.
  assertEquals(younger.cachedTokens, 20);
  assertEquals(bench.scheduler.counters().prefixHitTokens, 0);
});

test("requests that run at the same time share their full blocks", () => {
  const bench = new Bench({ maxBatchTokens: 64, prefixCache: true });
  const prompt = Array.from({ length: 9 }, (_, index) => index);
  const requests = [makeRequest(1, prompt, 4), makeRequest(2, prompt, 4)];
  bench.enqueue(...requests);
  bench.step();
  assertEquals(requests[0]!.blocks.slice(0, 2), requests[1]!.blocks.slice(0, 2));
  assertEquals(bench.pool.usedBlocks, 4);
  bench.run();
});

test("remove() of a waiting request leaves the others in order", () => {
  const bench = new Bench({ blocks: 4, maxBatchTokens: 16, maxBatchRequests: 1 });
  const requests = [1, 2, 3].map((id) => makeRequest(id, 2, 2));
  bench.enqueue(...requests);
  bench.scheduler.schedule(bench.listener);
  bench.scheduler.remove(requests[1]!);
  assertEquals(bench.scheduler.waiting.map(({ id }) => id), [3]);
});

test("remove() refuses a request that is gone", () => {
  const bench = new Bench();
  const request = makeRequest(5, 2, 2);
  bench.enqueue(request, makeRequest(6, 2, 2));
  bench.scheduler.schedule(bench.listener);
  bench.scheduler.remove(request);
  assertUpbeatError(() => bench.scheduler.remove(request), "INTERNAL", "request 5", "finished");
  assertEquals(bench.scheduler.admitted.map(({ id }) => id), [6]);
});

test("checkIdle() names what is held", () => {
  const bench = new Bench({ blocks: 9 });
  bench.enqueue(makeRequest(1, 5, 2));
  bench.scheduler.schedule(bench.listener);
  bench.enqueue(makeRequest(2, 5, 2));
  assertUpbeatError(
    () => bench.scheduler.checkIdle(),
    "INTERNAL",
    "1 requests wait",
    "2 of 9 KV blocks",
    "1 of 4 slots",
  );
});

test("schedule() completes every request within its limits, whatever arrives and is cancelled", () => {
  const shape = fc.record({
    prompt: fc.integer({ min: 1, max: 30 }),
    output: fc.integer({ min: 1, max: 30 }),
    /** Requests of one family share the beginning of their prompts. */
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
      const bench = new Bench({ blocks, ...rest });
      const { scheduler, pool } = bench;
      const requests = shapes.map(({ prompt, output, family }, id) =>
        makeRequest(id, Array.from({ length: prompt }, (_, index) => family * 100 + index), output)
      );
      let work = 0;
      for (const { prompt, output } of shapes) work += prompt + output;
      let steps = 0;
      const lastArrival = Math.max(0, ...shapes.map(({ arrival }) => arrival));
      for (; steps <= lastArrival || !scheduler.isIdle; steps++) {
        // Evictions repeat work, but the oldest request moves forward in every few steps.
        assertLessOrEqual(steps, 31 + 60 * work, "no progress");
        for (const [index, { arrival, cancelAt }] of shapes.entries()) {
          const request = requests[index]!;
          if (arrival === steps) bench.enqueue(request);
          if (arrival + cancelAt === steps && request.status !== "finished") scheduler.remove(request);
        }
        const blocksBefore = new Map(scheduler.admitted.map((request) => [request, request.registeredBlocks]));
        const step = bench.step();
        if (step === null) continue;
        assert(step.tokens <= rest.maxBatchTokens && step.scheduled.length <= rest.maxBatchRequests);
        assertEquals(step.tokens, step.scheduled.reduce((sum, { count }) => sum + count, 0));
        assertEquals(step.scheduled.map(({ samples }) => samples).lastIndexOf(true) + 1, step.samplingRequests);
        for (const { request, start } of step.scheduled) {
          // Nothing is written to a block that others may read.
          assert(Math.floor(start / 4) >= (blocksBefore.get(request) ?? request.cachedTokens / 4));
        }
        const slots = scheduler.admitted.map(({ batchSlot }) => batchSlot);
        assertEquals(new Set(slots).size, slots.length);
        assert(slots.every((slot) => slot >= 0 && slot < rest.maxBatchRequests));
        const held = new Set(scheduler.admitted.flatMap((request) => request.blocks));
        assertEquals(held.size, pool.usedBlocks);
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
