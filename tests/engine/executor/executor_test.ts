import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { UpbeatError } from "../../../errors.ts";
import { ScriptedExecutor, type ScriptedMessage, SHUTDOWN, submit } from "../../support/scripted/scripted_executor.ts";
import type { OutputEvent, OutputEventOf } from "../../support/recorded_outputs.ts";

const at = (step: number, message: ScriptedMessage["message"]): ScriptedMessage => ({ step, message });
const cancel = (id: number) => ({ type: "cancel", id }) as const;

/** Runs a script to its end. */
function run(...parameters: ConstructorParameters<typeof ScriptedExecutor>): ScriptedExecutor {
  const executor = new ScriptedExecutor(...parameters);
  executor.run();
  return executor;
}

/** The only event of its type. */
function only<Type extends OutputEvent["type"]>(
  events: readonly OutputEvent[],
  type: Type,
): OutputEventOf<Type> {
  const found = events.filter((event): event is OutputEventOf<Type> => event.type === type);
  assertEquals(found.length, 1, type);
  return found[0]!;
}

test("run() generates maxTokens tokens and ends with reason length", () => {
  const executor = run([at(0, submit(1, 5, 3))]);
  assertEquals(executor.tokens(1), [105, 106, 107]);
  assertEquals(executor.summary(1), ["chunk 5 5/5", "context", "token x3", "finish length"]);
  assertEquals(executor.pool.usedBlocks, 0);
});

test("run() ends at an end-of-sequence token and returns it as stopReason", () => {
  const executor = run([at(0, submit(1, 5, 9, { eosTokenIds: [107] }))]);
  assertEquals(executor.tokens(1), [105, 106, 107]);
  const { reason, stopReason, wastedSteps } = only(executor.events(1), "FINISH").payload;
  assertEquals([reason, stopReason, wastedSteps], ["stop", 107, 0]);
});

test("run() emits every chunk of a prompt, and the context with the last one", () => {
  const executor = run([at(0, submit(1, 40, 2))], { maxBatchTokens: 16 });
  assertEquals(executor.summary(1), [
    "chunk 16 16/40",
    "chunk 16 32/40",
    "chunk 8 40/40",
    "context",
    "token x2",
    "finish length",
  ]);
});

test("run() stamps chunks at the launch, all tokens of a step alike, and outputs after their events", () => {
  const executor = run([at(0, submit(1, 5, 3)), at(0, submit(2, 3, 3))]);
  const tokenTimes = [1, 2].map((id) =>
    executor.events(id).flatMap(({ type, timestamp }) => type === "GENERATED_TOKEN" ? [timestamp] : [])
  );
  assertEquals(tokenTimes[0], tokenTimes[1]);
  for (const id of [1, 2]) {
    const times = executor.events(id).map(({ timestamp }) => timestamp);
    assertEquals(times, [...times].sort((a, b) => a - b));
    assertEquals(
      only(executor.events(id), "ADD_CONTEXT").timestamp,
      only(executor.events(id), "PREFILL_CHUNK").timestamp,
    );
  }
  for (const [step, time] of tokenTimes[0]!.entries()) assertGreater(executor.emittedAt[step + 1]!, time);
});

test("run() adds one record of KV cache usage per step to the tokens of requests that track them", () => {
  const executor = run([
    at(0, submit(1, 5, 2, { trackTokens: true })),
    at(0, submit(2, 3, 2, { trackTokens: true })),
    at(0, submit(3, 3, 2)),
  ]);
  const usages = (id: number) =>
    executor.events(id).flatMap(({ type, payload }) => type === "GENERATED_TOKEN" ? [payload.usage] : []);
  const fixed = { blocksTotal: 24, blocksAllocated: 4, blocksActive: 4 };
  assertEquals(usages(1), [{ step: 1, activeTokens: 11, ...fixed }, { step: 2, activeTokens: 14, ...fixed }]);
  assert(usages(1).every((usage, index) => usage === usages(2)[index]));
  assertEquals(usages(3), [null, null]);
});

test("run() lets requests join and leave at every step", () => {
  const executor = run([at(0, submit(1, 2, 6)), at(2, submit(2, 3, 2)), at(3, submit(3, 1, 4))]);
  assertEquals([1, 2, 3].map((id) => executor.tokens(id)), [
    [102, 103, 104, 105, 106, 107],
    [203, 204],
    [301, 302, 303, 304],
  ]);
  assertEquals(executor.runner.steps.map(({ scheduled }) => scheduled.length), [1, 1, 2, 3, 2, 2, 1]);
});

test("run() emits why a request has to wait, once per cause", () => {
  const executor = run([1, 2, 3].map((id) => at(0, submit(id, 8, 4))), { maxBatchRequests: 2, blocks: 5 });
  assertEquals(executor.summary(2).slice(0, 2), ["refused KV_BLOCKS_EXHAUSTED", "chunk 8 8/8"]);
  const error = only(executor.events(3), "ERROR_TRANSIENT").payload;
  assertEquals([error.code, error.requestId, error.transient], ["KV_BLOCKS_EXHAUSTED", 3, true]);
  const full = run([1, 2].map((id) => at(0, submit(id, 8, 4))), { maxBatchRequests: 1 });
  assertEquals(full.summary(2).slice(0, 2), ["refused BATCH_FULL", "chunk 8 8/8"]);
});

test("run() pauses a request without a block for its next token, and resumes it", () => {
  const executor = run([1, 2].map((id) => at(0, submit(id, 3, 4))), { blocks: 3 });
  assertEquals(executor.summary(1), ["chunk 3 3/3", "context", "token x4", "finish length"]);
  assertEquals(executor.summary(2), [
    "chunk 3 3/3",
    "context",
    "token x2",
    "pause",
    "resume",
    "token x2",
    "finish length",
  ]);
  assertEquals([executor.counters.pauses, executor.counters.evictions, executor.counters.paused], [1, 0, 0]);
});

test("run() preempts a request, recomputes it, and continues its stream", () => {
  const executor = run([1, 2].map((id) => at(0, submit(id, 3, 9))), { blocks: 3, maxBatchTokens: 4 });
  assertEquals(executor.summary(1), ["chunk 3 3/3", "context", "token x9", "finish length"]);
  assertEquals(executor.summary(2), [
    "chunk 1 1/3",
    "chunk 2 3/3",
    "context",
    "token x2",
    "pause",
    "evict",
    "chunk 4 4/5",
    "chunk 1 5/5",
    "context",
    "token x7",
    "finish length",
  ]);
  assertEquals(executor.tokens(2), [203, 204, 205, 206, 207, 208, 209, 210, 211]);
  assertEquals([executor.counters.pauses, executor.counters.evictions], [1, 1]);
});

test("run() emits no refusal of a preempted request", () => {
  const executor = run([1, 2].map((id) => at(0, submit(id, 3, 9))), { blocks: 3 });
  const summary = executor.summary(2);
  assert(summary.includes("evict") && !summary.some((event) => event.startsWith("refused")), summary.join(", "));
});

test("run() finds a repeated prompt in the prefix cache and reports it", () => {
  const prompt = Int32Array.from({ length: 12 }, (_, index) => index);
  const same = { promptTokenIds: prompt };
  const executor = run([at(0, submit(1, 12, 3, same)), at(9, submit(2, 12, 3, same))], { prefixCache: true });
  assertEquals([1, 2].map((id) => only(executor.events(id), "PREFILL_CHUNK").payload.cached), [0, 8]);
  assertEquals([1, 2].map((id) => executor.summary(id)[0]), ["chunk 12 12/12", "chunk 4 12/12"]);
  assertEquals(executor.tokens(2), [212, 213, 214]);
  const { prefixQueriedTokens, prefixHitTokens, usedBlocks, cachedBlocks } = executor.counters;
  assertEquals([prefixQueriedTokens, prefixHitTokens, usedBlocks, cachedBlocks], [24, 8, 0, 3]);
});

test("run() adds generated tokens to the prefix cache once their keys and values are computed", () => {
  const executor = run([
    at(0, submit(1, 2, 3)),
    at(5, submit(2, 5, 1, { promptTokenIds: Int32Array.of(10_000, 10_001, 102, 103, 104) })),
    // 104 was sampled last, and its key and value were never computed.
    at(6, submit(3, 3, 1, { promptTokenIds: Int32Array.of(10_000, 10_001, 102) })),
  ], { prefixCache: true });
  assertEquals([2, 3].map((id) => only(executor.events(id), "PREFILL_CHUNK").payload.cached), [4, 0]);
});

test("run() ends a cancelled request once in any state, and frees its blocks", () => {
  for (const prefixCache of [false, true]) {
    const script = [at(0, submit(1, 3, 20)), at(0, submit(2, 3, 20)), at(1, submit(3, 12, 20)), at(1, submit(4, 3, 2))];
    const setup = { blocks: 9, maxBatchTokens: 4, maxBatchRequests: 3, prefixCache };
    const uncancelled = run(script, setup);
    // Each request is cancelled at each step; up to then, tokens are those of the run without the cancel.
    const seen = new Set<string>();
    for (let step = 0; step < uncancelled.runner.steps.length; step++) {
      for (const id of [1, 2, 3, 4]) {
        const executor = run([...script, at(step, cancel(id))], setup);
        const events = executor.events(id);
        const end = events.at(-1)!;
        assert(end.type === "FINISH" && events.filter(({ type }) => type === "FINISH").length === 1);
        if (end.payload.reason === "cancelled") seen.add(events.at(-2)?.type ?? "nothing");
        assertEquals(executor.tokens(id), uncancelled.tokens(id).slice(0, executor.tokens(id).length));
        for (const other of [1, 2, 3, 4]) {
          if (other !== id) assertEquals(executor.tokens(other), uncancelled.tokens(other));
        }
        assertEquals([executor.pool.usedBlocks, executor.scheduler.isIdle], [0, true]);
      }
    }
    // New, refused, in a prefill, decoding, paused, preempted.
    for (const last of ["nothing", "ERROR_TRANSIENT", "PREFILL_CHUNK", "GENERATED_TOKEN", "PAUSE", "EVICT"]) {
      assert(seen.has(last), last);
    }
  }
});

test("run() cancels all requests at a shutdown", () => {
  const executor = run([
    ...[1, 2, 3, 4, 5].map((id) => at(0, submit(id, 8, 80))),
    at(4, SHUTDOWN),
  ]);
  for (const id of [1, 2, 3, 4, 5]) assertEquals(executor.summary(id).at(-1), "finish cancelled");
  assertEquals(executor.pool.usedBlocks, 0);
});

test("run() fails every live request with the real cause when the device fails", () => {
  const executor = new ScriptedExecutor([1, 2, 3].map((id) => at(0, submit(id, 4, 9))));
  executor.runner.failAt = 2;
  assertThrows(() => executor.run(), UpbeatError, "the device broke");
  for (const id of [1, 2, 3]) {
    const error = only(executor.events(id), "ERROR_NONTRANSIENT").payload;
    assertEquals([error.code, error.requestId, error.transient], ["DEVICE_FAULT", id, false]);
  }
});

test("run() fails rather than hangs when blocks are leaked", () => {
  const executor = new ScriptedExecutor([at(0, submit(1, 4, 9))]);
  executor.pool.allocate(2);
  assertThrows(() => executor.run(), UpbeatError, "2 of 24 KV blocks");
});

/** Legal successors of each event, written independently of the caller's EventOrder. */
const legal: Readonly<Record<string, readonly OutputEvent["type"][]>> = {
  start: ["ERROR_TRANSIENT", "PREFILL_CHUNK", "FINISH"],
  ERROR_TRANSIENT: ["ERROR_TRANSIENT", "PREFILL_CHUNK", "FINISH"],
  PREFILL_CHUNK: ["PREFILL_CHUNK", "ADD_CONTEXT", "FINISH"],
  ADD_CONTEXT: ["GENERATED_TOKEN"],
  GENERATED_TOKEN: ["GENERATED_TOKEN", "PAUSE", "FINISH"],
  PAUSE: ["RESUME", "EVICT", "FINISH"],
  RESUME: ["GENERATED_TOKEN"],
  EVICT: ["PREFILL_CHUNK", "FINISH"],
};

test("run() emits each request's own tokens, legal events and one end for random arrivals and cancels", () => {
  const arrival = fc.record({
    step: fc.nat({ max: 30 }),
    prompt: fc.integer({ min: 1, max: 20 }),
    output: fc.integer({ min: 1, max: 36 }),
    shared: fc.boolean(),
    cancelAfter: fc.option(fc.nat({ max: 40 }), { nil: null }),
  });
  const setup = fc.record({
    maxBatchTokens: fc.integer({ min: 1, max: 20 }),
    maxBatchRequests: fc.integer({ min: 1, max: 6 }),
    blocks: fc.integer({ min: 14, max: 24 }),
    prefixCache: fc.boolean(),
  });
  const seen = { pauses: 0, evictions: 0, prefixHitTokens: 0 };
  fc.assert(
    fc.property(fc.array(arrival, { minLength: 1, maxLength: 12 }), setup, (arrivals, setup) => {
      const script = arrivals.flatMap(({ step, prompt, output, shared, cancelAfter }, index) => {
        const id = index + 1;
        const promptTokenIds = Int32Array.from({ length: prompt }, (_, position) => position);
        return [
          at(step, submit(id, prompt, output, shared ? { promptTokenIds } : {})),
          ...(cancelAfter === null ? [] : [at(step + cancelAfter, cancel(id))]),
        ];
      });
      const executor = run(script, setup);
      for (const [index, { prompt, output, cancelAfter }] of arrivals.entries()) {
        const id = index + 1;
        const events = executor.events(id);
        const tokens = executor.tokens(id);
        assertEquals(tokens, tokens.map((_, offset) => 100 * id + prompt + offset));
        const { reason } = only(events, "FINISH").payload;
        assert(reason === "length" ? tokens.length === output : cancelAfter !== null);
        for (const [position, { type, timestamp }] of events.entries()) {
          const before = events[position - 1];
          assert(legal[before?.type ?? "start"]!.includes(type), executor.summary(id).join(", "));
          assert(timestamp >= (before?.timestamp ?? 0));
        }
      }
      assertEquals(executor.pool.usedBlocks, 0);
      for (const name of Object.keys(seen) as (keyof typeof seen)[]) seen[name] += executor.counters[name];
    }),
    { seed: 13, numRuns: 300 },
  );
  assert(Object.values(seen).every((count) => count > 50), JSON.stringify(seen));
});
