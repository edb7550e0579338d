import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { UpbeatError } from "../../errors.ts";
import { Executor, type ExecutorPort, type StepRunner } from "../../engine/executor.ts";
import { KvBlockPool } from "../../engine/kv_cache.ts";
import type { InboxMessage, RequestUpdate, SubmitMessage } from "../../engine/protocol.ts";
import { resolveSampling } from "../../engine/sampling.ts";
import { Scheduler, type Step } from "../../engine/scheduler.ts";

const sampling = resolveSampling(
  { seed: 1 },
  { doSample: null, temperature: null, topK: null, topP: null, minP: null, repetitionPenalty: null },
  1000,
);

function submit(id: number, promptLength: number, maxTokens: number, eosTokenIds: number[] = []): SubmitMessage {
  const promptTokenIds = Int32Array.from({ length: promptLength }, (_, index) => 100 + index);
  return { type: "submit", id, promptTokenIds, maxTokens, sampling, eosTokenIds, stopStrings: [] };
}

/** A device in a few lines: the token after n tokens of request r is 10 * r + n, so every stream is known in advance. */
class CountingRunner implements Pick<StepRunner, "admit" | "launchForward" | "launchSampling" | "waitForTokens"> {
  readonly outputs = { tokens: new Int32Array(64), logprobs: new Float32Array(0), logprobTokens: new Int32Array(0) };
  readonly steps: Step[] = [];
  /** The step at which waiting fails. */
  failAt = Infinity;
  admit(): void {}
  launchForward(step: Step): void {
    this.steps.push(step);
  }
  launchSampling(step: Step): void {
    for (const [row, { request, start, count, samples }] of step.scheduled.entries()) {
      if (samples) this.outputs.tokens[row] = 10 * request.id + start + count;
    }
  }
  waitForTokens(): void {
    if (this.steps.length > this.failAt) throw new UpbeatError("DEVICE_FAULT", "the device broke");
  }
}

/** Messages by the number of the step before which they arrive; a shutdown once all is delivered and idle. */
class ScriptedPort implements ExecutorPort {
  readonly updates: RequestUpdate[] = [];
  readonly #script: { readonly step: number; readonly message: InboxMessage }[];
  readonly #runner: CountingRunner;
  constructor(script: readonly { step: number; message: InboxMessage }[], runner: CountingRunner) {
    this.#script = [...script].sort((a, b) => a.step - b.step);
    this.#runner = runner;
  }
  receive(): InboxMessage | null {
    const next = this.#script[0];
    return next !== undefined && next.step <= this.#runner.steps.length ? this.#script.shift()!.message : null;
  }
  waitForMessage(): void {
    // Idle: let the next message come now.
    const next = this.#script.shift();
    this.#script.unshift({ step: 0, message: next?.message ?? { type: "shutdown" } });
  }
  send(updates: readonly RequestUpdate[]): void {
    this.updates.push(...updates);
  }
}

interface Run {
  readonly updates: readonly RequestUpdate[];
  readonly runner: CountingRunner;
  readonly pool: KvBlockPool;
  readonly run: () => void;
}

function setUp(script: readonly { step: number; message: InboxMessage }[], maxBatchTokens = 16): Run {
  const runner = new CountingRunner();
  const port = new ScriptedPort(script, runner);
  const pool = new KvBlockPool(24, 4);
  const scheduler = new Scheduler(pool, { maxBatchTokens, maxBatchRequests: 4 });
  let time = 0;
  const executor = new Executor(port, scheduler, pool, runner as unknown as StepRunner, () => ++time);
  return { updates: port.updates, runner, pool, run: () => executor.run() };
}

function tokensOf(updates: readonly RequestUpdate[], id: number): number[] {
  return updates.filter((update) => update.id === id).flatMap(({ tokens }) => tokens.map(({ tokenId }) => tokenId));
}

function terminals(updates: readonly RequestUpdate[], id: number): (string | undefined)[] {
  return updates
    .filter((update) => update.id === id && (update.finish !== undefined || update.failure !== undefined))
    .map(({ finish, failure }) => finish?.reason ?? failure?.error.code);
}

test("run() generates maxTokens tokens and ends with reason length", () => {
  const { updates, pool, run } = setUp([{ step: 0, message: submit(1, 5, 3) }]);
  run();
  assertEquals(tokensOf(updates, 1), [15, 16, 17]);
  assertEquals(terminals(updates, 1), ["length"]);
  assertEquals(pool.usedBlocks, 0);
});

test("run() ends at an end-of-sequence token, keeps it, and names it", () => {
  const { updates, run } = setUp([{ step: 0, message: submit(1, 5, 9, [17]) }]);
  run();
  assertEquals(tokensOf(updates, 1), [15, 16, 17]);
  assertEquals(updates.at(-1)!.finish!.stopReason, 17);
});

test("run() stamps the context once, with the last prompt chunk", () => {
  const { updates, run } = setUp([{ step: 0, message: submit(1, 40, 2) }], 16);
  run();
  const stamped = updates.filter(({ contextTime }) => contextTime !== undefined);
  assertEquals(stamped.length, 1);
  assertEquals(stamped[0]!.tokens.length, 1);
});

test("run() lets requests join and leave at every step", () => {
  const { updates, runner, run } = setUp([
    { step: 0, message: submit(1, 2, 6) },
    { step: 2, message: submit(2, 3, 2) },
    { step: 3, message: submit(3, 1, 4) },
  ]);
  run();
  assertEquals([1, 2, 3].map((id) => tokensOf(updates, id)), [[12, 13, 14, 15, 16, 17], [23, 24], [31, 32, 33, 34]]);
  assertEquals(runner.steps.map(({ scheduled }) => scheduled.length), [1, 1, 2, 3, 2, 2, 1]);
});

test("run() ends a cancelled request once, wherever it is, and frees its blocks", () => {
  const messages = [1, 2, 3, 4, 5, 6].map((id) => ({ step: 0, message: submit(id, 8, 8) }));
  const cancels = [1, 6].map((id) => ({ step: 3, message: { type: "cancel", id } as const }));
  const { updates, pool, run } = setUp([...messages, ...cancels]);
  run();
  assertEquals(terminals(updates, 1), ["cancelled"]);
  assertEquals(terminals(updates, 6), ["cancelled"]);
  assertEquals(tokensOf(updates, 6), []);
  assertEquals([2, 3, 4, 5].map((id) => terminals(updates, id)), [["length"], ["length"], ["length"], ["length"]]);
  assertEquals(pool.usedBlocks, 0);
});

test("run() ends everything as cancelled at a shutdown", () => {
  const { updates, pool, run } = setUp([
    ...[1, 2, 3, 4, 5].map((id) => ({ step: 0, message: submit(id, 8, 90) })),
    { step: 4, message: { type: "shutdown" } },
  ]);
  run();
  for (const id of [1, 2, 3, 4, 5]) assertEquals(terminals(updates, id), ["cancelled"]);
  assertEquals(pool.usedBlocks, 0);
});

test("run() fails every live request with the real cause when the device breaks", () => {
  const { updates, runner, run } = setUp([1, 2, 3].map((id) => ({ step: 0, message: submit(id, 4, 9) })));
  runner.failAt = 2;
  assertThrows(run, UpbeatError, "the device broke");
  for (const id of [1, 2, 3]) assertEquals(terminals(updates, id), ["DEVICE_FAULT"]);
});

test("run() gives every request its own tokens and one end, whatever arrives and is cancelled when", () => {
  const arrival = fc.record({
    step: fc.nat({ max: 30 }),
    prompt: fc.integer({ min: 1, max: 30 }),
    output: fc.integer({ min: 1, max: 12 }),
    cancelAfter: fc.option(fc.nat({ max: 20 }), { nil: null }),
  });
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 10 }), fc.integer({ min: 1, max: 20 }), (arrivals, budget) => {
      const script = arrivals.flatMap(({ step, prompt, output, cancelAfter }, index) => [
        { step, message: submit(index + 1, prompt, output) },
        ...(cancelAfter === null
          ? []
          : [{ step: step + cancelAfter, message: { type: "cancel", id: index + 1 } as const }]),
      ]);
      const { updates, pool, run } = setUp(script, budget);
      run();
      for (const [index, { prompt, output, cancelAfter }] of arrivals.entries()) {
        const id = index + 1;
        const tokens = tokensOf(updates, id);
        assertEquals(tokens, tokens.map((_, offset) => 10 * id + prompt + offset));
        const ends = terminals(updates, id);
        assertEquals(ends.length, 1);
        assert(ends[0] === "length" ? tokens.length === output : cancelAfter !== null);
      }
      assertEquals(pool.usedBlocks, 0);
    }),
    { seed: 13, numRuns: 300 },
  );
});
