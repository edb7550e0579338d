import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { test } from "node:test";
import {
  checkEventOrder,
  Engine,
  type GenerateOptions,
  type Generation,
  type RequestEventType,
  UpbeatError,
} from "../../../mod.ts";
import { allEvents } from "../../support/all_events.ts";
import { withRandomEngine } from "../../support/test_engine.ts";

const ALL = { trackGeneratedTokenEvents: true, trackPausedRequestEvents: true, trackDetailEvents: true };

async function typesOf(generation: Generation): Promise<RequestEventType[]> {
  return (await allEvents(generation)).map(({ type }) => type);
}

/** Requests that together need several times the blocks of a small pool. */
const REQUESTS = Array.from({ length: 12 }, (_, index) => ({
  prompt: Array.from({ length: 3 + ((index * 7) % 20) }, (_, position) => (position * 11 + index * 29) % 300),
  options: {
    maxTokens: 10 + ((index * 5) % 25),
    ignoreEos: true,
    seed: index,
    temperature: index % 2 === 0 ? 0 : 0.9,
    logprobs: 1,
  },
}));

test("paused and evicted requests generate the same as alone, with events in legal order", async () => {
  await withRandomEngine({}, { threads: 1 }, async (alone, folder) => {
    await using crowded = await Engine.load(folder, { threads: 1, kvBlocks: 14, blockSize: 4, ...ALL });
    const generations = REQUESTS.map(({ prompt, options }) => crowded.generate(prompt, options));
    const results = await Promise.all(generations.map(({ result }) => result));
    for (const [index, { prompt, options }] of REQUESTS.entries()) {
      const expected = await alone.generate(prompt, options).result;
      const { tokenIds, text, finishReason, logprobs, record, metrics } = results[index]!;
      assertEquals([tokenIds, text, finishReason, logprobs], [
        expected.tokenIds,
        expected.text,
        expected.finishReason,
        expected.logprobs,
      ]);
      const merged = record.merge();
      assert(checkEventOrder(merged.events, finishReason).isOver);
      const count = (type: RequestEventType) => merged.events.filter((event) => event.type === type).length;
      assertEquals([merged.tokenIds, merged.text], [tokenIds, text]);
      assertEquals([count("GENERATED_TOKEN"), count("EVICT")], [tokenIds.length, metrics.preemptions]);
      assertEquals(record.segments.length, metrics.preemptions + 1);
      assertEquals(count("FINISH") + count("FAIL"), 1);
      assertEquals([merged.ttftMs, record.ttftMs], [metrics.ttftMs, metrics.ttftMs]);
      // As everything is tracked, the live stream has the same events.
      assertEquals(await typesOf(generations[index]!), merged.events.map(({ type }) => type));
    }
    const all = results.flatMap(({ record }) => record.merge().events);
    assertGreater(all.filter(({ type }) => type === "PAUSE").length, 0);
    assertGreater(all.filter(({ type }) => type === "EVICT").length, 0);
    assertEquals(crowded.stats().kvBlocks.used, 0);
    for (const event of all) {
      if (event.type !== "GENERATED_TOKEN") continue;
      const { step, blocksTotal, blocksAllocated, blocksActive, activeTokens, emittedAt } = event.payload;
      assert(step! >= 1 && activeTokens! >= 1 && emittedAt! >= event.timestamp);
      assert(blocksTotal === 14 && blocksAllocated! <= 14 && blocksActive! <= blocksAllocated!);
    }
  });
});

test("generate() records the events that its own options or the engine's select", async () => {
  await withRandomEngine({}, { trackGeneratedTokenEvents: true }, async (engine) => {
    const recorded = async (options: GenerateOptions) => {
      const { record } = await engine.generate([1, 2], { maxTokens: 2, ignoreEos: true, ...options }).result;
      return record.merge().events.map(({ type }) => type);
    };
    const bare: RequestEventType[] = ["ADD_ENGINE", "ADD_CONTEXT", "FINISH"];
    assertEquals(await recorded({}), ["ADD_ENGINE", "ADD_CONTEXT", "GENERATED_TOKEN", "GENERATED_TOKEN", "FINISH"]);
    assertEquals(await recorded({ trackGeneratedTokenEvents: false }), bare);
    assertEquals(await recorded({ trackGeneratedTokenEvents: false, trackDetailEvents: true }), [
      "ADD_ENGINE",
      "PREFILL_CHUNK",
      "ADD_CONTEXT",
      "FINISH",
    ]);
  });
});

test("ADD_ENGINE is stamped before the prompt is tokenized, so that TTFT includes tokenization", async () => {
  await withRandomEngine({ maxPositions: 4096 }, {}, async (engine) => {
    const generation = engine.generate("word ".repeat(200), { maxTokens: 1, ignoreEos: true });
    const { metrics, record } = await generation.result;
    assertGreater(metrics.tokenizeMs!, 0);
    assert(metrics.queueMs! >= metrics.tokenizeMs! && metrics.ttftMs! >= metrics.queueMs! + metrics.prefillMs! - 0.01);
    assertEquals(record.merge().events[0]!.timestamp, record.merge().arrival);
    assertEquals((await engine.generate([1], { maxTokens: 1 }).result).metrics.tokenizeMs, null);
  });
});

test("generate() reports every error in a request", async () => {
  await withRandomEngine({}, {}, async (engine) => {
    const options = { temperature: -1, stop: "", maxTokens: 0, trackDetailEvents: "yes" as unknown as boolean };
    const generation = engine.generate([1, -5], options);
    await assertRejects(() => generation.result, UpbeatError, "trackDetailEvents must be true or false");
    const { events } = generation.record.merge();
    assertEquals(events.map(({ type }) => type), [
      "ADD_ENGINE",
      ...new Array<RequestEventType>(5).fill("ERROR_NONTRANSIENT"),
      "FAIL",
    ]);
    const messages = events.flatMap((event) => (event.type === "ERROR_NONTRANSIENT" ? [event.payload.message] : []));
    for (const [index, part] of ["trackDetailEvents", "temperature", "stop", "-5", "maxTokens"].entries()) {
      assert(messages[index]!.includes(part), `${messages[index]} lacks ${part}`);
    }
    assert(checkEventOrder(events).isOver);
  });
});

test("generate() fails with QUEUE_FULL beyond maxQueue, and accepts requests again once others are admitted", async () => {
  await withRandomEngine({}, { maxQueue: 3 }, async (engine) => {
    const options = { maxTokens: 4, ignoreEos: true };
    const generations = Array.from({ length: 5 }, () => engine.generate([1, 2, 3], options));
    const results = await Promise.allSettled(generations.map(({ result }) => result));
    assertEquals(results.map(({ status }) => status), ["fulfilled", "fulfilled", "fulfilled", "rejected", "rejected"]);
    const error = await assertRejects(() => generations[4]!.result, UpbeatError, "maxQueue");
    assertEquals([error.code, error.details], ["QUEUE_FULL", { maxQueue: 3 }]);
    assertEquals(await typesOf(generations[4]!), ["ADD_ENGINE", "ERROR_TRANSIENT", "FAIL"]);
    // Cancelled and rejected requests free their places.
    for (let round = 0; round < 3; round++) {
      const cancelled = engine.generate([1], options);
      cancelled.cancel();
      await cancelled.result;
      await assertRejects(() => engine.generate([-1], options).result, UpbeatError);
    }
    await Promise.all([1, 2, 3].map(() => engine.generate([1], options).result));
    // Running requests do not count as waiting.
    const running = [1, 2, 3].map(() => engine.generate([1], { maxTokens: 1000, ignoreEos: true }));
    for (const generation of running) {
      for await (const { type } of generation) {
        if (type !== "GENERATED_TOKEN") continue;
        assertEquals((await engine.generate([1], options).result).tokenIds.length, 4);
        break;
      }
    }
  });
  await assertRejects(() => Engine.load("nowhere", { maxQueue: 0 }), UpbeatError, "maxQueue");
});

test("the CANCEL event has the reason of the cancellation", async () => {
  await withRandomEngine({}, { trackDetailEvents: true }, async (engine) => {
    const options = { maxTokens: 1500, ignoreEos: true };
    const controller = new AbortController();
    const generations = {
      user: engine.generate([1], options),
      signal: engine.generate([1], { ...options, signal: controller.signal }),
      aborted: engine.generate([1], { ...options, signal: AbortSignal.abort() }),
      deadline: engine.generate([1], { ...options, signal: AbortSignal.timeout(1) }),
      disconnect: engine.generate([1], options),
      shutdown: engine.generate([1], options),
    };
    generations.user.cancel();
    controller.abort();
    generations.disconnect.cancel("disconnect");
    await generations.deadline.result.catch(() => {});
    await engine.dispose();
    const reasons: Record<string, unknown> = {};
    for (const [name, generation] of Object.entries(generations)) {
      await generation.result.catch(({ code }) => assertEquals(code, "ABORTED"));
      const { events, finishReason } = generation.record.merge();
      assertEquals([finishReason, events.at(-1)!.type], ["cancelled", "FINISH"]);
      assert(checkEventOrder(events, finishReason).isOver);
      reasons[name] = events.flatMap((event) => (event.type === "CANCEL" ? [event.payload.reason] : [])).join();
    }
    assertEquals(reasons, {
      user: "user",
      signal: "user",
      aborted: "user",
      deadline: "deadline",
      disconnect: "disconnect",
      shutdown: "shutdown",
    });
  });
});

test("timestamps never decrease when the wall clock steps back", async () => {
  await withRandomEngine({}, ALL, async (engine) => {
    const now = Date.now;
    let step = 0;
    Date.now = () => now() - ++step * 60_000;
    try {
      const { record, metrics } = await engine.generate([1, 2], { maxTokens: 20, ignoreEos: true }).result;
      const times = record.merge().events.map(({ timestamp }) => timestamp);
      assert(times.every((time, index) => index === 0 || time >= times[index - 1]!), times.join());
      assert(metrics.ttftMs! >= 0 && metrics.e2eMs >= metrics.ttftMs!);
    } finally {
      Date.now = now;
    }
  });
});

test("timeOrigin converts a timestamp to the time of day", () =>
  withRandomEngine({}, {}, async (engine) => {
    const before = Date.now();
    const { record } = await engine.generate([5, 6], { maxTokens: 2 }).result;
    const [arrival] = record.merge().events;
    // The system may have adjusted the wall clock slightly since the process started.
    const time = engine.timeOrigin + arrival!.timestamp;
    assert(before - 1000 <= time && time <= Date.now() + 1000, `${before} ${time}`);
  }));
