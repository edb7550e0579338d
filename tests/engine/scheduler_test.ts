import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { KvBlockPool } from "../../engine/kv_cache.ts";
import { Request } from "../../engine/request.ts";
import { resolveSampling } from "../../engine/sampling.ts";
import { Scheduler, type Step } from "../../engine/scheduler.ts";
import { StopCriteria } from "../../engine/stop_criteria.ts";

const sampling = resolveSampling(
  { seed: 1 },
  { doSample: null, temperature: null, topK: null, topP: null, minP: null, repetitionPenalty: null },
  100,
);

function makeRequest(id: number, promptLength: number, maxTokens: number): Request {
  const stopCriteria = new StopCriteria({ eosTokenIds: [], stopStrings: [] }, null, []);
  return new Request({ id, promptTokenIds: new Int32Array(promptLength), maxTokens, sampling, stopCriteria });
}

/** Do to the requests what the executor does after a step. */
function complete(step: Step, scheduler: Scheduler): void {
  for (const { request, count, samples } of step.scheduled) {
    request.computedTokens += count;
    if (!samples) continue;
    request.tokenIds.push(7);
    if (request.tokenIds.length === request.maxTokens) scheduler.remove(request);
  }
}

function summary(step: Step | null): (readonly [id: number, start: number, count: number, samples: boolean])[] {
  return (step?.scheduled ?? []).map(({ request, start, count, samples }) => [request.id, start, count, samples]);
}

test("schedule() gives nothing when nobody waits", () => {
  const scheduler = new Scheduler(new KvBlockPool(8, 4), { maxBatchTokens: 8, maxBatchRequests: 4 });
  assertEquals(scheduler.schedule(() => {}), null);
  assert(scheduler.isIdle);
});

test("schedule() cuts a long prompt into chunks, and only the last one samples", () => {
  const scheduler = new Scheduler(new KvBlockPool(8, 4), { maxBatchTokens: 8, maxBatchRequests: 4 });
  scheduler.enqueue(makeRequest(1, 20, 2));
  const steps: unknown[] = [];
  for (let step = scheduler.schedule(() => {}); step !== null; step = scheduler.schedule(() => {})) {
    steps.push(summary(step));
    complete(step, scheduler);
  }
  assertEquals(steps, [[[1, 0, 8, false]], [[1, 8, 8, false]], [[1, 16, 4, true]], [[1, 20, 1, true]]]);
});

test("schedule() takes decoding requests first and fills up with prompts", () => {
  const scheduler = new Scheduler(new KvBlockPool(32, 4), { maxBatchTokens: 8, maxBatchRequests: 4 });
  scheduler.enqueue(makeRequest(1, 3, 9));
  complete(scheduler.schedule(() => {})!, scheduler);
  scheduler.enqueue(makeRequest(2, 9, 9));
  scheduler.enqueue(makeRequest(3, 2, 9));
  assertEquals(summary(scheduler.schedule(() => {})), [[1, 3, 1, true], [2, 0, 7, false]]);
});

test("schedule() admits nobody whose whole length does not fit the free blocks, and keeps the order", () => {
  const scheduler = new Scheduler(new KvBlockPool(4, 4), { maxBatchTokens: 16, maxBatchRequests: 4 });
  scheduler.enqueue(makeRequest(1, 4, 4));
  scheduler.enqueue(makeRequest(2, 4, 8));
  scheduler.enqueue(makeRequest(3, 1, 1));
  const step = scheduler.schedule(() => {})!;
  assertEquals(summary(step), [[1, 0, 4, true]]);
  assertEquals(scheduler.waiting.map(({ id }) => id), [2, 3]);
});

test("remove() of a waiting request leaves the others in order", () => {
  const scheduler = new Scheduler(new KvBlockPool(4, 4), { maxBatchTokens: 16, maxBatchRequests: 1 });
  const requests = [1, 2, 3].map((id) => makeRequest(id, 2, 2));
  for (const request of requests) scheduler.enqueue(request);
  scheduler.schedule(() => {});
  scheduler.remove(requests[1]!);
  assertEquals(scheduler.waiting.map(({ id }) => id), [3]);
});

test("schedule() completes every request within its limits, whatever arrives", () => {
  const requestShape = fc.record({ prompt: fc.integer({ min: 1, max: 40 }), output: fc.integer({ min: 1, max: 12 }) });
  const limits = fc.record({
    maxBatchTokens: fc.integer({ min: 1, max: 24 }),
    maxBatchRequests: fc.integer({ min: 1, max: 6 }),
  });
  fc.assert(
    fc.property(fc.array(requestShape, { maxLength: 12 }), limits, (shapes, { maxBatchTokens, maxBatchRequests }) => {
      const pool = new KvBlockPool(20, 4);
      const scheduler = new Scheduler(pool, { maxBatchTokens, maxBatchRequests });
      const requests = shapes.map(({ prompt, output }, id) => makeRequest(id, prompt, output));
      for (const request of requests) scheduler.enqueue(request);
      for (let steps = 0; !scheduler.isIdle; steps++) {
        assert(steps < 5000, "no progress");
        const step = scheduler.schedule(() => {});
        assert(step !== null);
        assert(step.tokens <= maxBatchTokens && step.scheduled.length <= maxBatchRequests);
        assertEquals(step.scheduled.map(({ samples }) => samples).lastIndexOf(true) + 1, step.samplingRequests);
        const slots = scheduler.running.map(({ slot }) => slot);
        assertEquals(new Set(slots).size, slots.length);
        assert(slots.every((slot) => slot >= 0 && slot < maxBatchRequests));
        complete(step, scheduler);
      }
      assertEquals(requests.map(({ tokenIds }) => tokenIds.length), shapes.map(({ output }) => output));
      assertEquals(pool.usedBlocks, 0);
    }),
    { seed: 12 },
  );
});
