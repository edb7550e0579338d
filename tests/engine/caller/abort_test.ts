/** Signals that abort: loops throw the reason, the result rejects with it as its cause, and nothing is left running. */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { setTimeout as delay } from "node:timers/promises";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { AbortedError, Engine, type GenerateOptions, type Generation, UpbeatError } from "../../../mod.ts";
import { NO_TRACKING } from "../../../engine/config/tracking.ts";
import { allEvents } from "../../support/all_events.ts";
import { chunk, context, failure, finish, play, TIME, token, UPON } from "../../support/played_generation.ts";
import { withRandomEngine } from "../../support/test_engine.ts";

const ENDLESS = { maxTokens: 1900, ignoreEos: true, temperature: 0 } as const;

/** What a promise or a loop throws; undefined if it does not. */
function thrownBy(work: Promise<unknown>): Promise<unknown> {
  return work.then(() => undefined, (thrown: unknown) => thrown);
}

/** A signal that counts its listeners. */
class CountedController extends AbortController {
  listeners = 0;

  constructor() {
    super();
    const { signal } = this;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    const known = new Set<unknown>();
    Object.assign(signal, {
      addEventListener: (...parameters: Parameters<typeof add>) => {
        known.add(parameters[1]);
        this.listeners = known.size;
        add(...parameters);
      },
      removeEventListener: (...parameters: Parameters<typeof remove>) => {
        known.delete(parameters[1]);
        this.listeners = known.size;
        remove(...parameters);
      },
    });
  }
}

/** Asserts that everything about an aborted generation reports the reason. */
async function assertAborted(generation: Generation, reason: unknown): Promise<AbortedError> {
  assertSame(await thrownBy(Array.fromAsync(generation.text())), reason);
  assertSame(await thrownBy(Array.fromAsync(generation.chunks())), reason);
  assertSame(await thrownBy(Array.fromAsync(generation)), reason);
  const error = await thrownBy(generation.result);
  assertInstanceOf(error, AbortedError);
  assertEquals(error.code, "ABORTED");
  assertSame(error.cause, reason);
  assertEquals((await allEvents(generation)).at(-1)!.type, "FINISH");
  return error;
}

/** By identity, as reasons are. */
function assertSame(actual: unknown, expected: unknown): void {
  assert(Object.is(actual, expected), `${String(actual)} is not ${String(expected)}`);
}

function assertIdle(engine: Engine): void {
  const { running, waiting, paused, kvBlocks } = engine.stats();
  assertEquals([running, waiting, paused, kvBlocks.used], [0, 0, 0, 0]);
}

test("an aborted signal ends pending loops at once, and the result when the executor has answered", async () => {
  const played = play(NO_TRACKING);
  const { generation } = played;
  played.play(chunk(101), context(101), token(102, UPON));
  const texts = generation.text();
  assertEquals((await texts.next()).value, "upon");
  const next = thrownBy(texts.next());
  const reason = new RangeError("the user left");
  generation.abort(reason, "user");
  generation.abort(new Error("again"), "user");
  assertSame(await next, reason);
  assertEquals([generation.isOver, played.cancels()], [false, 1]);
  played.play(token(103, TIME), finish(104, "cancelled"));
  const { text, tokenIds, message, details } = await assertAborted(generation, reason);
  assertEquals([text, tokenIds], ["upontime", [UPON, TIME]]);
  assertEquals([message, details], ["the request was aborted: the user left", { reason: "the user left" }]);
});

test("an abort before the end makes the result reject, however the executor ends it", async () => {
  for (const end of [finish(104), finish(104, "stop", TIME), failure(104)]) {
    const played = play(NO_TRACKING);
    played.play(chunk(101), context(101), token(102, UPON));
    played.generation.abort("left", "user");
    played.play(end);
    const error = await thrownBy(played.generation.result);
    assertInstanceOf(error, AbortedError);
    assertEquals([error.cause, error.text, error.tokenIds], ["left", "upon", [UPON]]);
    assertEquals(await thrownBy(Array.fromAsync(played.generation)), "left");
  }
});

test("an abort after cancel() or after the end has no effect", async () => {
  const cancelled = play(NO_TRACKING);
  cancelled.play(chunk(101), context(101), token(102, UPON));
  cancelled.generation.cancel();
  cancelled.generation.abort(new Error("late"), "user");
  cancelled.play(finish(104, "cancelled"));
  assertEquals((await cancelled.generation.result).finishReason, "cancelled");
  assertEquals(await Array.fromAsync(cancelled.generation.text()), ["upon"]);

  const ended = play(NO_TRACKING);
  ended.play(chunk(101), context(101), token(102, UPON), finish(104));
  ended.generation.abort(new Error("late"), "user");
  assertEquals((await ended.generation.result).finishReason, "length");
  assertEquals(await Array.fromAsync(ended.generation.text()), ["upon"]);
  assertEquals(ended.cancels(), 0);
});

test("generate() computes nothing when its signal has aborted already", async () => {
  await withRandomEngine({}, { trackDetailEvents: true }, async (engine) => {
    const reason = new Error("before");
    const generation = engine.generate("abc", { ...ENDLESS, signal: AbortSignal.abort(reason) });
    assert(generation.isOver);
    const { text, tokenIds } = await assertAborted(generation, reason);
    assertEquals([text, tokenIds, engine.stats().steps], ["", [], 0]);
    assertEquals((await allEvents(generation)).map(({ type }) => type), ["ADD_ENGINE", "CANCEL", "FINISH"]);
    const without = engine.generate("abc", { ...ENDLESS, signal: AbortSignal.abort() });
    const { cause } = await thrownBy(without.result) as Error;
    assertEquals((cause as Error).name, "AbortError");
    assertIdle(engine);
  });
});

test("generate() stops when its signal aborts in the queue, in the prefill and while it decodes", async () => {
  const options = { maxBatchRequests: 1, maxBatchTokens: 8, trackDetailEvents: true };
  await withRandomEngine({}, options, async (engine) => {
    const prompt = Array.from({ length: 100 }, (_, index) => index + 3);
    const reached = { prefill: "PREFILL_CHUNK", decode: "GENERATED_TOKEN" } as const;
    for (const [where, type] of Object.entries(reached)) {
      const controllers = [new CountedController(), new CountedController()] as const;
      const [first, queued] = controllers.map(({ signal }) => engine.generate(prompt, { ...ENDLESS, signal }));
      const seen: string[] = [];
      const reason = new Error(where);
      const loop = thrownBy((async () => {
        for await (const event of first!) {
          seen.push(event.type);
          if (event.type !== type) continue;
          controllers[1].abort(reason);
          controllers[0].abort(reason);
        }
      })());
      assertSame(await loop, reason);
      assertEquals(seen.at(-1), "FINISH");
      await assertAborted(queued!, reason);
      const { tokenIds, text } = await assertAborted(first!, reason);
      assertEquals(tokenIds, first!.record.merge().tokenIds);
      assertEquals(text, first!.record.merge().text);
      assertIdle(engine);
      assertEquals(controllers.map(({ listeners }) => listeners), [0, 0]);
    }
  });
});

test("AbortSignal.timeout() ends a request with a TimeoutError, and one that ends in time is not affected", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const signal = AbortSignal.timeout(20);
    const error = await thrownBy(Array.fromAsync(engine.generate("abc", { ...ENDLESS, signal }).text()));
    assertEquals((error as Error).name, "TimeoutError");
    const controller = new CountedController();
    const generation = engine.generate("abc", { maxTokens: 3, ignoreEos: true, signal: controller.signal });
    assertEquals(controller.listeners, 1);
    const { text } = await generation.result;
    assertEquals(controller.listeners, 0);
    controller.abort();
    assertEquals((await Array.fromAsync(generation.text())).join(""), text);
    assertEquals((await Array.fromAsync(generation)).at(-1)!.type, "FINISH");
  });
});

test("a long-lived signal keeps no listener of requests that are over, however they ended", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const controller = new CountedController();
    const { signal } = controller;
    for (let round = 0; round < 20; round++) {
      const finished = engine.generate([5, 6], { maxTokens: 2, ignoreEos: true, signal });
      const cancelled = engine.generate([5, 6], { ...ENDLESS, signal });
      const invalid = engine.generate([-1], { signal });
      assertEquals(controller.listeners, 2);
      cancelled.cancel();
      await Promise.allSettled([finished.result, cancelled.result, invalid.result]);
      assertEquals(controller.listeners, 0);
    }
  });
});

test("break and cancel() end quietly while a signal is followed", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const { signal } = new AbortController();
    const left = engine.generate("abc", { ...ENDLESS, signal });
    for await (const _ of left.text()) break;
    const cancelled = engine.generate("abc", { ...ENDLESS, signal });
    cancelled.cancel();
    for (const generation of [left, cancelled]) assertEquals((await generation.result).finishReason, "cancelled");
    assertIdle(engine);
  });
});

test("a failed or aborted request that nobody waits for is no unhandled rejection", async () => {
  const unhandled: unknown[] = [];
  const listen = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", listen);
  try {
    await withRandomEngine({}, {}, async (engine) => {
      const controller = new AbortController();
      engine.generate("abc", { ...ENDLESS, signal: controller.signal });
      engine.generate("abc", { signal: AbortSignal.abort() });
      engine.generate([-1]);
      await delay(20);
      controller.abort();
      await delay(50);
      assertIdle(engine);
    });
  } finally {
    process.off("unhandledRejection", listen);
  }
  assertEquals(unhandled, []);
});

/** Signals that pass for one, and whose code misbehaves. */
const HOSTILE_SIGNALS: readonly (() => object)[] = [
  () => ({
    aborted: false,
    addEventListener() {
      throw new RangeError("no listeners");
    },
    removeEventListener() {},
  }),
  () => ({
    aborted: false,
    addEventListener(_: string, listener: () => void) {
      listener();
      listener();
    },
    removeEventListener() {
      throw new Error("stays");
    },
  }),
  () => ({
    aborted: true,
    get reason() {
      throw new Error("no reason");
    },
    addEventListener() {},
    removeEventListener() {},
  }),
  () => {
    let reads = 0;
    return {
      get aborted() {
        if (reads++ > 1) throw new Error("read too often");
        return false;
      },
      addEventListener() {},
      removeEventListener() {},
    };
  },
  () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    const controller = new AbortController();
    controller.abort(proxy);
    revoke();
    return controller.signal;
  },
  () => Object.assign(new AbortController(), { aborted: true, addEventListener() {}, removeEventListener() {} }),
];

test("generate() does not throw for a signal whose own code throws, and nothing is left running", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const { steps } = engine.stats();
    for (const [index, signal] of HOSTILE_SIGNALS.entries()) {
      const generation = engine.generate("abc", { maxTokens: 2, signal: signal() as AbortSignal });
      const error = await thrownBy(generation.result);
      // The fourth throws only after it was read.
      if (index !== 3) assert(error instanceof UpbeatError, `${index}: ${error}`);
    }
    assertIdle(engine);
    assert(engine.stats().steps - steps <= 4);
    assertEquals((await engine.generate("abc", { maxTokens: 2, ignoreEos: true }).result).tokenIds.length, 2);
  });
});

test("a request whose signal aborts at any time ends as aborted, or as if there had been none", async () => {
  await withRandomEngine({}, { threads: 1, maxBatchTokens: 8 }, async (engine) => {
    const options: GenerateOptions = { maxTokens: 12, ignoreEos: true, seed: 3, temperature: 1 };
    const prompt = Array.from({ length: 30 }, (_, index) => index + 3);
    const expected = await engine.generate(prompt, options).result;
    const property = fc.asyncProperty(fc.integer({ min: 0, max: 40 }), fc.boolean(), async (polls, inLoop) => {
      const controller = new CountedController();
      const generation = engine.generate(prompt, { ...options, signal: controller.signal });
      const reason = { polls };
      if (inLoop) {
        let left = polls;
        await thrownBy((async () => {
          for await (const _ of generation) if (left-- === 0) controller.abort(reason);
        })());
      } else {
        for (let poll = 0; poll < polls; poll++) await new Promise((resolve) => setTimeout(resolve, 0));
        controller.abort(reason);
      }
      const error = await thrownBy(generation.result);
      if (error === undefined) {
        const { text, tokenIds } = await generation.result;
        assertEquals([text, tokenIds], [expected.text, expected.tokenIds]);
      } else {
        const { text, tokenIds } = await assertAborted(generation, reason);
        assertEquals(tokenIds, expected.tokenIds.slice(0, tokenIds.length));
        assertEquals(text, generation.record.merge().text);
      }
      assertEquals(controller.listeners, 0);
    });
    await fc.assert(property, { seed: 20_261_130, numRuns: 60 });
    assertIdle(engine);
  });
});
