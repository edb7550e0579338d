import { assert, assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import type { InboxMessage } from "../../../engine/channel/messages.ts";
import { type ScriptedEngineSetup, submission } from "../../support/scripted/scripted_engine.ts";
import {
  ALL_MODES,
  allAtStart,
  cancel,
  chunksOf,
  eventsOf,
  finishOf,
  MODES,
  outputsOfTokens,
  runScript,
  type ScriptedRun,
} from "../../support/scripted/scripted_run.ts";

/** A device and a host on which every part of an iteration takes some time. */
const BUSY: ScriptedEngineSetup = {
  device: {
    durations: { forward: ({ tokens }) => 700 + 30 * tokens, sampling: 90, copy: 7 },
    costs: { upbeat_sample: 250, upbeat_graph_launch: 110, upbeat_attention: 40 },
  },
  sendCost: 60,
  rowCost: 15,
};

/** Checks that chunks end at the usual tokens and with the cancellation, unless the request was complete before it. */
async function assertCancelled(run: ScriptedRun, id: number, streamInterval = 1): Promise<void> {
  const chunks = await chunksOf(run, id);
  const tokens = run.engine.tokens(id).length;
  const isComplete = tokens === run.requests.get(id)!.maxTokens;
  assertEquals(chunks.map(({ finishReason }) => finishReason), [
    ...chunks.slice(1).map(() => null),
    isComplete ? "length" : "cancelled",
  ]);
  const counts = Array.from({ length: tokens }, (_, index) => index + 1);
  const ends = counts.filter((count) => count === 1 || count % streamInterval === 0);
  // A token that completes a chunk is emitted at once, so that a later cancel gets a chunk of its own.
  if (!isComplete || ends.at(-1) !== tokens) ends.push(tokens);
  assertEquals(chunks.map(({ tokenIds }) => tokenIds.length), ends.map((end, index) => end - (ends[index - 1] ?? 0)));
}

test("a cancel at any step ends that request alone, once, with the tokens it has", async () => {
  const requests = [submission(1, { prompt: 9, maxTokens: 6 }), submission(2, { prompt: 3, maxTokens: 9 })];
  for (const mode of ALL_MODES) {
    for (const streamInterval of [1, 4]) {
      const ends = new Set<number>();
      for (let forwards = 0; forwards <= 12; forwards++) {
        const run = runScript([...allAtStart(requests), { forwards, message: cancel(1) }], {
          ...BUSY,
          ...MODES[mode],
          maxBatchTokens: 4,
          streamInterval,
        });
        await assertCancelled(run, 1, streamInterval);
        assertEquals(finishOf(run, 2).reason, "length");
        ends.add(run.engine.tokens(1).length);
      }
      assertEquals([...ends], [0, 1, 2, 3, 4, 5, 6]);
    }
  }
});

test("a cancel at any time ends that request alone, once, with the tokens it has", async () => {
  const requests = [submission(1, { prompt: 9, maxTokens: 4 }), submission(2, { prompt: 3, maxTokens: 6 })];
  for (const mode of ALL_MODES) {
    const setup = { ...BUSY, ...MODES[mode], maxBatchTokens: 4 };
    const end = finishOf(runScript(allAtStart(requests), setup), 1).time;
    const step = end / 45;
    for (let at = 0; at <= end + 2 * step; at += step) {
      const run = runScript([...allAtStart(requests), { at, message: cancel(1) }], setup);
      await assertCancelled(run, 1);
    }
  }
});

test("no step is launched for a request after its cancel has arrived", () => {
  for (const mode of ALL_MODES) {
    for (let forwards = 1; forwards < 9; forwards++) {
      const message = submission(1, { prompt: 9, maxTokens: 50 });
      const { engine } = runScript([...allAtStart([message]), { forwards, message: cancel(1) }], {
        ...BUSY,
        ...MODES[mode],
        maxBatchTokens: 4,
      });
      assertEquals(engine.device.accounting.forwardCount, forwards);
      // The token in flight is emitted, not wasted.
      assertEquals(engine.tokens(1).length, Math.max(0, forwards - 2));
    }
  }
});

test("a cancel in reply to the first token leaves the chunk of that token, then one end", async () => {
  for (const mode of ALL_MODES) {
    for (const maxTokens of [2, 9]) {
      const run = runScript(allAtStart([submission(1, { maxTokens }), submission(2, { prompt: 20, maxTokens: 9 })]), {
        ...BUSY,
        ...MODES[mode],
        streamInterval: 4,
        onOutput: ({ events }) => {
          const isFirst = events.findLast(({ requestId }) => requestId === 1)?.type === "GENERATED_TOKEN";
          return isFirst ? [cancel(1)] : [];
        },
      });
      const [first] = outputsOfTokens(run, 1);
      const own = run.engine.outputs.map(({ events }) => events.filter(({ requestId }) => requestId === 1));
      assertEquals(own[first!]!.at(-1)!.type, "GENERATED_TOKEN");
      const later = own.slice(first! + 1).flat();
      assertEquals(later.filter(({ type }) => type === "FINISH").length, 1);
      await assertCancelled(run, 1, 4);
      const { tokenIds, finishReason } = (await chunksOf(run, 1))[0]!;
      assertEquals([tokenIds, finishReason], [run.engine.tokens(1).slice(0, 1), null]);
    }
  }
});

test("a request in flight is freed once when it is cancelled repeatedly and late", () => {
  const shared = Array.from({ length: 13 }, (_, index) => 50 + index);
  for (const mode of ALL_MODES) {
    for (let forwards = 0; forwards < 10; forwards++) {
      const requests = [1, 2, 3].map((id) =>
        submission(id, { prompt: shared, maxTokens: 5, sampling: { seed: id, temperature: 1 } })
      );
      const cancels: readonly InboxMessage[] = [cancel(1), cancel(1), cancel(99), cancel(2)];
      const run = runScript([
        ...allAtStart(requests),
        ...cancels.map((message) => ({ forwards, message })),
        { forwards: forwards + 1, message: cancel(1) },
        { forwards: 1000, message: cancel(1) },
      ], { ...BUSY, ...MODES[mode], prefixCache: true, maxBatchTokens: 8 });
      assertEquals(finishOf(run, 3).reason, "length");
    }
  }
});

test("a cancel that crosses the end of its request during the wasted step has no effect", () => {
  const message = submission(1, { maxTokens: 9 });
  for (const mode of ALL_MODES) {
    const [, second] = runScript(allAtStart([message]), MODES[mode]).engine.tokens(1);
    for (let forwards = 1; forwards < 6; forwards++) {
      const script = [...allAtStart([{ ...message, eosTokenIds: [second!] }, submission(2)]), {
        forwards,
        message: cancel(1),
      }];
      const run = runScript(script, { ...BUSY, ...MODES[mode] });
      assertEquals(finishOf(run, 1).reason, run.engine.tokens(1).length < 2 ? "cancelled" : "stop");
    }
  }
});

test("a prefill cancelled with a chunk in flight gets no token, and its blocks are reused", async () => {
  const prompt = Array.from({ length: 40 }, (_, index) => 60 + index);
  for (const mode of ALL_MODES) {
    for (const execution of ["late", "exact", "eager"] as const) {
      for (let forwards = 1; forwards <= 4; forwards++) {
        // The second request waits for blocks of the first, and the third finds its confirmed blocks in the cache.
        const requests = [
          submission(1, { prompt, maxTokens: 8 }),
          submission(2, { prompt: 30, maxTokens: 9 }),
          submission(3, { prompt, maxTokens: 3 }),
        ];
        const run = runScript([...allAtStart(requests), { forwards, message: cancel(1) }], {
          ...BUSY,
          ...MODES[mode],
          device: { ...BUSY.device, execution },
          maxBatchTokens: 8,
          blocks: 12,
          prefixCache: true,
        });
        assertEquals((await chunksOf(run, 1)).map(({ tokenIds }) => tokenIds), [[]]);
        assertEquals(eventsOf(run, 1, "PREFILL_CHUNK").length, forwards);
        assertEquals([2, 3].map((id) => finishOf(run, id).reason), ["length", "length"]);
        const { forwards: launched } = run.engine.device.accounting;
        // Its blocks are allocated again only once its last step has been read.
        assertGreater(launched[forwards]!.enqueued, launched[forwards - 1]!.end);
      }
    }
  }
});

test("a request is cancelled in any state: waiting, refused, decoding, paused or preempted", () => {
  const requests = [1, 2, 3, 4].map((id) => submission(id, { prompt: 5, maxTokens: 14 }));
  for (const mode of ALL_MODES) {
    const setup = { ...BUSY, ...MODES[mode], blocks: 7, maxBatchRequests: 3 };
    const all = runScript(allAtStart(requests), setup);
    assertGreater(all.engine.counters.evictions, 0);
    const found = new Set<string>();
    for (let forwards = 0; forwards < all.engine.device.accounting.forwardCount; forwards += 2) {
      for (const id of [1, 2, 3, 4]) {
        const run = runScript([...allAtStart(requests), { forwards, message: cancel(id) }], setup);
        if (finishOf(run, id).reason === "cancelled") found.add(run.engine.events(id).at(-2)?.type ?? "nothing");
      }
    }
    for (const type of ["nothing", "ERROR_TRANSIENT", "GENERATED_TOKEN", "PAUSE", "EVICT"]) {
      assert(found.has(type), `${mode}: no ${type}`);
    }
  }
});

test("every request has exactly one end under random cancels", () => {
  const request = fc.record({
    at: fc.nat(20),
    prompt: fc.integer({ min: 1, max: 24 }),
    maxTokens: fc.integer({ min: 1, max: 12 }),
    cancels: fc.array(fc.nat(25), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 8 }), fc.constantFrom(...ALL_MODES), (requests, mode) => {
      const script = requests.flatMap(({ at, cancels, ...rest }, index) => [
        { at, message: submission(index + 1, rest) },
        ...cancels.map((after) => ({ at: at + after, message: cancel(index + 1) })),
      ]);
      // runScript() checks that each request ends once.
      runScript(script, { ...BUSY, ...MODES[mode], blocks: 16, maxBatchTokens: 9, streamInterval: 3 });
    }),
    { seed: 20261122, numRuns: 120 },
  );
});
