import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { UpbeatError } from "../../../errors.ts";
import type { LoopOptions } from "../../../engine/executor/loop_options.ts";
import type { Completion } from "../../../engine/events/executor_event.ts";
import {
  ScriptedExecutor,
  type ScriptedMessage,
  type ScriptedSetup,
  SHUTDOWN,
  submit,
} from "../../support/scripted/scripted_executor.ts";
import { cancel, MODES, shutdown } from "../../support/scripted/scripted_run.ts";

const at = (step: number, message: ScriptedMessage["message"]): ScriptedMessage => ({ step, message });
const drain = (deadline: number | null = null) => shutdown(true, deadline);

function run(script: readonly ScriptedMessage[], options: Partial<LoopOptions>, setup: ScriptedSetup = {}) {
  const executor = new ScriptedExecutor(script, { ...setup, options });
  executor.run();
  assertEquals([executor.pool.usedBlocks, executor.scheduler.isIdle], [0, true]);
  return executor;
}

/** A request's tokens and end, which must be equal in every mode. */
function stream(executor: ScriptedExecutor, id: number): unknown[] {
  return executor.events(id).flatMap(({ type, payload }): unknown[] => {
    if (type === "GENERATED_TOKEN") return [payload.tokenId];
    return type === "FINISH" ? [[payload.reason, payload.stopReason]] : [];
  });
}

function finishOf(executor: ScriptedExecutor, id: number): Completion {
  const ends = executor.events(id).filter((event) => event.type === "FINISH");
  assertEquals(ends.length, 1);
  return ends[0]!.payload;
}

test("run() launches each step before it reads the previous one", () => {
  const { runner } = run([at(0, submit(1, 5, 4))], MODES.overlap);
  assertEquals(runner.calls, [
    ...["forward 1", "sampling 1"],
    ...["forward 2", "wait 1", "sampling 2"],
    ...["forward 3", "sampling 3", "wait 2"],
    ...["forward 4", "sampling 4", "wait 3"],
    "wait 4",
  ]);
  const plain = run([at(0, submit(1, 5, 2))], MODES.plain);
  assertEquals(plain.runner.calls, ["forward 1", "sampling 1", "wait 1", "forward 2", "sampling 2", "wait 2"]);
});

test("run() never launches a step for a request whose last token is in flight", () => {
  for (const options of Object.values(MODES)) {
    for (const maxTokens of [1, 2, 3]) {
      const executor = run([at(0, submit(1, 5, maxTokens))], options);
      assertEquals(executor.runner.steps.length, maxTokens);
      assertEquals([finishOf(executor, 1).wastedSteps, executor.counters.wastedSteps], [0, 0]);
    }
  }
});

test("run() discards and counts the token that overlap computes after an end-of-sequence token", () => {
  for (const [name, options] of Object.entries(MODES)) {
    const executor = run([at(0, submit(1, 5, 9, { eosTokenIds: [107] }))], options);
    assertEquals(executor.tokens(1), [105, 106, 107]);
    const wasted = name === "plain" ? 0 : 1;
    assertEquals([finishOf(executor, 1).wastedSteps, executor.counters.wastedSteps], [wasted, wasted]);
    assertEquals(executor.runner.steps.length, 3 + wasted);
  }
});

test("run() emits a first token before the step's other tokens, unless it is also the last one", () => {
  // Request 1 decodes while requests 2 and 3 are prefilled; request 3 generates a single token.
  const script = [at(0, submit(1, 3, 8)), at(2, submit(2, 3, 4)), at(2, submit(3, 3, 1))];
  const early = run(script, MODES.early);
  const tokensOf = (index: number) =>
    early.outputs[index]!.events.flatMap(({ requestId, type }) => type === "GENERATED_TOKEN" ? [requestId] : []);
  const withFirst = early.outputs.findIndex((_, index) => tokensOf(index).includes(2));
  assertEquals([tokensOf(withFirst), tokensOf(withFirst + 1)], [[2], [1, 3]]);
  assertEquals(early.summary(3), ["chunk 3 3/3", "context", "token x1", "finish length"]);
  const late = run(script, MODES.overlap);
  assert(
    late.outputs.some(({ events }) => {
      const last = new Map(events.map(({ requestId, type }) => [requestId, type]));
      return [...last.values()].filter((type) => type === "GENERATED_TOKEN").length === 2;
    }),
  );
  for (const id of [1, 2, 3]) assertEquals(stream(early, id), stream(late, id));
});

test("run() calls send() equally often in every iteration", () => {
  // The plain loop launches and reads a step in one iteration. The overlap loop reads it in the next one, so its first
  // iteration reads nothing. The last two calls are that of #rest and that of the end.
  const script = [at(0, submit(1, 3, 8)), at(2, submit(2, 9, 4))];
  for (const [options, perStep, first] of [[MODES.plain, 2, 0], [MODES.overlap, 1, 1], [MODES.early, 2, 1]] as const) {
    const executor = run(script, options, { maxBatchTokens: 4 });
    assertEquals(executor.sends, perStep * executor.counters.steps + first + 2);
  }
});

test("run() emits the start of a first step before it reads the step", () => {
  for (const options of Object.values(MODES)) {
    const { outputs } = run([at(0, submit(1, 3, 4))], options);
    const types = outputs.map(({ events }) => events.map(({ type }) => type));
    assertEquals(types.slice(0, 2), [["PREFILL_CHUNK", "ADD_CONTEXT"], ["GENERATED_TOKEN"]]);
  }
});

test("run() sends counters with all outputs except early first tokens", () => {
  for (const [name, options] of Object.entries(MODES)) {
    const { outputs } = run([at(0, submit(1, 3, 4)), at(2, submit(2, 3, 4))], options);
    const without = outputs.filter(({ counters }) => counters === null);
    assertEquals(without.length, name === "early" ? 2 : 0);
    for (const { events } of without) {
      const last = new Map(events.map(({ requestId, type }) => [requestId, type]));
      assertEquals([...last.values()], ["GENERATED_TOKEN"]);
    }
  }
});

test("run() sends tokens at the stream interval, and buffered ones before other events", () => {
  for (const options of Object.values(MODES)) {
    const executor = run([at(0, submit(1, 3, 10))], { ...options, streamInterval: 4 });
    const counts = executor.outputs.map(({ events }) => events.filter(({ type }) => type === "GENERATED_TOKEN").length);
    assertEquals(counts.filter((count) => count > 0), [1, 3, 4, 2]);
    const paused = run([1, 2].map((id) => at(0, submit(id, 3, 4))), { ...options, streamInterval: 100 }, { blocks: 3 });
    assertEquals(paused.summary(2).slice(2, 5), ["token x2", "pause", "resume"]);
  }
});

test("run() sends no event from before the last watermark", () => {
  const script = [1, 2, 3, 4].map((id) => at(3 * id, submit(id, 6, 7)));
  for (const options of Object.values(MODES)) {
    for (const streamInterval of [1, 4]) {
      const { outputs } = run(script, { ...options, streamInterval }, { maxBatchTokens: 5, blocks: 8 });
      let reached = 0;
      for (const { events, watermark, emittedAt } of outputs) {
        for (const { timestamp } of events) assert(timestamp >= reached && timestamp <= emittedAt);
        reached = watermark;
      }
      assertGreater(reached, 0);
    }
  }
});

test("run() reads the step in flight before it pauses or preempts a request", () => {
  for (const options of [MODES.overlap, MODES.early]) {
    const executor = run([1, 2].map((id) => at(0, submit(id, 3, 9))), options, { blocks: 3, maxBatchTokens: 4 });
    assertGreater(executor.counters.evictions, 0);
    for (const id of [1, 2]) {
      assertEquals(executor.tokens(id), Array.from({ length: 9 }, (_, index) => 100 * id + 3 + index));
      // No token follows a pause or a preemption directly.
      const summary = executor.summary(id).join(" ");
      assert(!/(pause|evict) token/.test(summary), summary);
    }
  }
});

test("run() ends a cancelled request once its steps in flight have been read", () => {
  for (const options of Object.values(MODES)) {
    for (let step = 0; step <= 9; step++) {
      const executor = run([at(0, submit(1, 9, 6)), at(0, submit(2, 3, 9)), at(step, cancel(1))], options, {
        maxBatchTokens: 4,
      });
      const tokens = executor.tokens(1);
      assertEquals(tokens, [109, 110, 111, 112, 113, 114].slice(0, tokens.length));
      assertEquals(finishOf(executor, 1).reason, tokens.length === 6 ? "length" : "cancelled");
      assertEquals(stream(executor, 2).at(-1), ["length", null]);
    }
  }
});

test("run() completes requests before a draining shutdown, and cancels them at its deadline", () => {
  const requests = [1, 2, 3, 4, 5, 6].map((id) => at(0, submit(id, 4, 5)));
  for (const options of Object.values(MODES)) {
    const drained = run([...requests, at(2, drain())], options, { maxBatchRequests: 2 });
    for (const id of [1, 2, 3, 4, 5, 6]) assertEquals(finishOf(drained, id).reason, "length");
    const late = run([...requests, at(2, drain(60))], options, {
      maxBatchRequests: 2,
    });
    const reasons = [1, 2, 3, 4, 5, 6].map((id) => finishOf(late, id).reason);
    assert(reasons.includes("cancelled"), reasons.join());
    // A second shutdown without a deadline does not extend the first one's.
    const extended = run([...requests, at(2, drain(60)), at(3, drain())], options, { maxBatchRequests: 2 });
    assertEquals([1, 2, 3, 4, 5, 6].map((id) => finishOf(extended, id).reason), reasons);
    const interrupted = [...requests, at(2, drain()), at(4, SHUTDOWN)];
    assertEquals(finishOf(run(interrupted, options, { maxBatchRequests: 2 }), 6).reason, "cancelled");
  }
});

test("run() fails every live request once when the device fails at any step", () => {
  for (const options of Object.values(MODES)) {
    for (let failAt = 0; failAt < 8; failAt++) {
      const script = [1, 2, 3].map((id) => at(0, submit(id, 4, 9)));
      const executor = new ScriptedExecutor(script, { options, maxBatchTokens: 6 });
      executor.runner.failAt = failAt;
      assertThrows(() => executor.run(), UpbeatError, "the device broke");
      for (const id of [1, 2, 3]) {
        const events = executor.events(id);
        assertEquals(events.filter(({ type }) => type === "ERROR_NONTRANSIENT").length, 1);
        assertEquals(events.at(-1)!.type, "ERROR_NONTRANSIENT");
      }
    }
  }
});

test("run() generates the same streams in every mode for random arrivals, ends and cancels", () => {
  const request = fc.record({
    step: fc.nat(20),
    promptLength: fc.integer({ min: 1, max: 24 }),
    maxTokens: fc.integer({ min: 1, max: 16 }),
    eosAfter: fc.option(fc.integer({ min: 1, max: 12 }), { nil: null }),
    cancelAt: fc.option(fc.nat(40), { nil: null, freq: 4 }),
  });
  fc.assert(
    fc.property(
      fc.array(request, { minLength: 1, maxLength: 9 }),
      fc.integer({ min: 11, max: 24 }),
      fc.integer({ min: 2, max: 16 }),
      fc.integer({ min: 1, max: 5 }),
      fc.boolean(),
      fc.constantFrom(1, 3),
      (requests, blocks, maxBatchTokens, maxBatchRequests, prefixCache, streamInterval) => {
        const script = requests.flatMap(({ step, promptLength, maxTokens, eosAfter, cancelAt }, index) => {
          const id = index + 1;
          const eosTokenIds = eosAfter === null ? [] : [100 * id + promptLength + eosAfter - 1];
          const message = at(step, submit(id, promptLength, maxTokens, { eosTokenIds }));
          return cancelAt === null ? [message] : [message, at(step + cancelAt, cancel(id))];
        });
        const setup = { blocks, maxBatchTokens, maxBatchRequests, prefixCache };
        const [plain, ...others] = Object.values(MODES).map((mode) => run(script, { ...mode, streamInterval }, setup));
        for (const [index, { cancelAt }] of requests.entries()) {
          const expected = stream(plain!, index + 1);
          for (const other of others) {
            const actual = stream(other, index + 1);
            if (cancelAt === null) assertEquals(actual, expected);
            // A cancel takes effect at different tokens in different modes.
            const length = Math.min(actual.length, expected.length) - 1;
            assertEquals(actual.slice(0, length), expected.slice(0, length));
            finishOf(other, index + 1);
          }
        }
      },
    ),
    { seed: 20261122, numRuns: 400 },
  );
});
