import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { UpbeatError } from "../../../errors.ts";
import type { LoopOptions } from "../../../engine/executor/loop_options.ts";
import type { Completion } from "../../../engine/events/executor_event.ts";
import {
  ScriptedExecutor,
  type ScriptedMessage,
  type ScriptedSetUp,
  SHUTDOWN,
  submit,
} from "../../support/scripted/scripted_executor.ts";
import { cancel, MODES, shutdown } from "../../support/scripted/scripted_run.ts";

const at = (step: number, message: ScriptedMessage["message"]): ScriptedMessage => ({ step, message });
const drain = (deadline: number | null = null) => shutdown(true, deadline);

function run(script: readonly ScriptedMessage[], options: Partial<LoopOptions>, setUp: ScriptedSetUp = {}) {
  const executor = new ScriptedExecutor(script, { ...setUp, options });
  executor.run();
  assertEquals([executor.pool.usedBlocks, executor.scheduler.isIdle], [0, true]);
  return executor;
}

/** What must be the same in every mode. */
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

test("run() launches the next step before the last one is read", () => {
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

test("run() drops the one token that overlap computes behind an end-of-sequence token, and counts it", () => {
  for (const [name, options] of Object.entries(MODES)) {
    const executor = run([at(0, submit(1, 5, 9, { eosTokenIds: [107] }))], options);
    assertEquals(executor.tokens(1), [105, 106, 107]);
    const wasted = name === "plain" ? 0 : 1;
    assertEquals([finishOf(executor, 1).wastedSteps, executor.counters.wastedSteps], [wasted, wasted]);
    assertEquals(executor.runner.steps.length, 3 + wasted);
  }
});

test("run() hands over a first token before the step's other tokens, and its last one with its end alone", () => {
  // Request 1 decodes while request 2 is prefilled; request 3 has one token only.
  const script = [at(0, submit(1, 3, 8)), at(2, submit(2, 3, 4)), at(2, submit(3, 3, 1))];
  const early = run(script, MODES.early);
  const tokensOf = (index: number) =>
    early.outputs[index]!.events.flatMap(({ requestId, type }) => type === "GENERATED_TOKEN" ? [requestId] : []);
  const withFirst = early.outputs.findIndex((_, index) => tokensOf(index).includes(2));
  assertEquals([tokensOf(withFirst), tokensOf(withFirst + 1)], [[2], [1, 3]]);
  assertEquals(early.story(3), ["chunk 3 3/3", "context", "token x1", "finish length"]);
  const late = run(script, MODES.overlap);
  assert(
    late.outputs.some(({ events }) => {
      const last = new Map(events.map(({ requestId, type }) => [requestId, type]));
      return [...last.values()].filter((type) => type === "GENERATED_TOKEN").length === 2;
    }),
  );
  for (const id of [1, 2, 3]) assertEquals(stream(early, id), stream(late, id));
});

test("run() calls send() as often in every iteration, whatever there is to say", () => {
  // A step is launched and read in one iteration of the plain loop, and in two of the overlap loop, of which the first one
  // reads nothing where nothing was in flight; the last call ends the loop, the one before it rests.
  const script = [at(0, submit(1, 3, 8)), at(2, submit(2, 9, 4))];
  for (const [options, perStep, first] of [[MODES.plain, 2, 0], [MODES.overlap, 1, 1], [MODES.early, 2, 1]] as const) {
    const executor = run(script, options, { maxBatchTokens: 4 });
    assertEquals(executor.sends, perStep * executor.counters.steps + first + 2);
  }
});

test("run() tells what begins while nothing else is in flight before it is read", () => {
  for (const options of Object.values(MODES)) {
    const { outputs } = run([at(0, submit(1, 3, 4))], options);
    const types = outputs.map(({ events }) => events.map(({ type }) => type));
    assertEquals(types.slice(0, 2), [["PREFILL_CHUNK", "ADD_CONTEXT"], ["GENERATED_TOKEN"]]);
  }
});

test("run() hands over early first tokens without counters, and everything else with them", () => {
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

test("run() hands over tokens at the stream interval, and everything before other things that happen", () => {
  for (const options of Object.values(MODES)) {
    const executor = run([at(0, submit(1, 3, 10))], { ...options, streamInterval: 4 });
    const counts = executor.outputs.map(({ events }) => events.filter(({ type }) => type === "GENERATED_TOKEN").length);
    assertEquals(counts.filter((count) => count > 0), [1, 3, 4, 2]);
    const paused = run([1, 2].map((id) => at(0, submit(id, 3, 4))), { ...options, streamInterval: 100 }, { blocks: 3 });
    assertEquals(paused.story(2).slice(2, 5), ["token x2", "pause", "resume"]);
  }
});

test("run() tells until when everything is told: nothing older comes later", () => {
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

test("run() reads what is in flight before it takes blocks from anybody", () => {
  for (const options of [MODES.overlap, MODES.early]) {
    const executor = run([1, 2].map((id) => at(0, submit(id, 3, 9))), options, { blocks: 3, maxBatchTokens: 4 });
    assertGreater(executor.counters.evictions, 0);
    for (const id of [1, 2]) {
      assertEquals(executor.tokens(id), Array.from({ length: 9 }, (_, index) => 100 * id + 3 + index));
      // No token is told between a pause or an eviction and what follows it.
      const story = executor.story(id).join(" ");
      assert(!/(pause|evict) token/.test(story), story);
    }
  }
});

test("run() ends a cancelled request once what is in flight of it has been read", () => {
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

test("run() lets running requests end before a shutdown that drains, and cancels them at its deadline", () => {
  const requests = [1, 2, 3, 4, 5, 6].map((id) => at(0, submit(id, 4, 5)));
  for (const options of Object.values(MODES)) {
    const drained = run([...requests, at(2, drain())], options, { maxBatchRequests: 2 });
    for (const id of [1, 2, 3, 4, 5, 6]) assertEquals(finishOf(drained, id).reason, "length");
    const late = run([...requests, at(2, drain(60))], options, {
      maxBatchRequests: 2,
    });
    const reasons = [1, 2, 3, 4, 5, 6].map((id) => finishOf(late, id).reason);
    assert(reasons.includes("cancelled"), reasons.join());
    // A second one with more time, or with any, takes nothing of the first one's haste.
    const patient = run([...requests, at(2, drain(60)), at(3, drain())], options, { maxBatchRequests: 2 });
    assertEquals([1, 2, 3, 4, 5, 6].map((id) => finishOf(patient, id).reason), reasons);
    const hurried = [...requests, at(2, drain()), at(4, SHUTDOWN)];
    assertEquals(finishOf(run(hurried, options, { maxBatchRequests: 2 }), 6).reason, "cancelled");
  }
});

test("run() fails every live request once, with all tokens that were read, when the device breaks at any step", () => {
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

test("run() gives the same streams in every mode, whatever arrives, ends and is cancelled when", () => {
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
        const setUp = { blocks, maxBatchTokens, maxBatchRequests, prefixCache };
        const [plain, ...others] = Object.values(MODES).map((mode) => run(script, { ...mode, streamInterval }, setUp));
        for (const [index, { cancelAt }] of requests.entries()) {
          const expected = stream(plain!, index + 1);
          for (const other of others) {
            const told = stream(other, index + 1);
            if (cancelAt === null) assertEquals(told, expected);
            // When a cancel comes between steps is not the same in two modes.
            const length = Math.min(told.length, expected.length) - 1;
            assertEquals(told.slice(0, length), expected.slice(0, length));
            finishOf(other, index + 1);
          }
        }
      },
    ),
    { seed: 20261122, numRuns: 400 },
  );
});
