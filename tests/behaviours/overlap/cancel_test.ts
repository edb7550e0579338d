import { assert, assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import type { InboxMessage } from "../../../engine/channel/messages.ts";
import { type ScriptedEngineSetUp, submission } from "../../support/scripted/scripted_engine.ts";
import {
  ALL_MODES,
  atOnce,
  cancel,
  chunksOf,
  eventsOf,
  finishOf,
  MODES,
  outputsOfTokens,
  runScript,
  type ScriptedRun,
} from "../../support/scripted/scripted_run.ts";

/** A device on which every part of an iteration takes time of its own. */
const BUSY: ScriptedEngineSetUp = {
  device: {
    durations: { forward: ({ tokens }) => 700 + 30 * tokens, sampling: 90, copy: 7 },
    costs: { upbeat_sample: 250, upbeat_graph_launch: 110, upbeat_attention: 40 },
  },
  sendCost: 60,
  rowCost: 15,
};

/** A cancelled generation's chunks end as always, then with one that says so, unless its last token came first. */
async function assertCancelled(run: ScriptedRun, id: number, streamInterval = 1): Promise<void> {
  const chunks = await chunksOf(run, id);
  const tokens = run.engine.tokens(id).length;
  const isWhole = tokens === run.requests.get(id)!.maxTokens;
  assertEquals(chunks.map(({ finishReason }) => finishReason), [
    ...chunks.slice(1).map(() => null),
    isWhole ? "length" : "cancelled",
  ]);
  const counts = Array.from({ length: tokens }, (_, index) => index + 1);
  const ends = counts.filter((count) => count === 1 || count % streamInterval === 0);
  // A cancel comes between tokens: what ends a chunk is not held back for it.
  if (!isWhole || ends.at(-1) !== tokens) ends.push(tokens);
  assertEquals(chunks.map(({ tokenIds }) => tokenIds.length), ends.map((end, index) => end - (ends[index - 1] ?? 0)));
}

test("a cancel at any step ends the request once, with the tokens it has, and nobody else", async () => {
  const requests = [submission(1, { prompt: 9, maxTokens: 6 }), submission(2, { prompt: 3, maxTokens: 9 })];
  for (const mode of ALL_MODES) {
    for (const streamInterval of [1, 4]) {
      const ends = new Set<number>();
      for (let forwards = 0; forwards <= 12; forwards++) {
        const run = runScript([...atOnce(requests), { forwards, message: cancel(1) }], {
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

test("a cancel at any time ends the request once, with the tokens it has, and nobody else", async () => {
  const requests = [submission(1, { prompt: 9, maxTokens: 4 }), submission(2, { prompt: 3, maxTokens: 6 })];
  for (const mode of ALL_MODES) {
    const setUp = { ...BUSY, ...MODES[mode], maxBatchTokens: 4 };
    const end = finishOf(runScript(atOnce(requests), setUp), 1).time;
    const step = end / 45;
    for (let at = 0; at <= end + 2 * step; at += step) {
      const run = runScript([...atOnce(requests), { at, message: cancel(1) }], setUp);
      await assertCancelled(run, 1);
    }
  }
});

test("no step is launched for a request once its cancel has arrived", () => {
  for (const mode of ALL_MODES) {
    for (let forwards = 1; forwards < 9; forwards++) {
      const message = submission(1, { prompt: 9, maxTokens: 50 });
      const { engine } = runScript([...atOnce([message]), { forwards, message: cancel(1) }], {
        ...BUSY,
        ...MODES[mode],
        maxBatchTokens: 4,
      });
      assertEquals(engine.device.accounting.forwardCount, forwards);
      // What was in flight is told: nothing was computed for nobody.
      assertEquals(engine.tokens(1).length, Math.max(0, forwards - 2));
    }
  }
});

test("a cancel in answer to the first token gives the chunk of that token, then one end", async () => {
  for (const mode of ALL_MODES) {
    for (const maxTokens of [2, 9]) {
      const run = runScript(atOnce([submission(1, { maxTokens }), submission(2, { prompt: 20, maxTokens: 9 })]), {
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

test("a cancelled request that is in flight is freed once, however often and late it is cancelled", () => {
  const shared = Array.from({ length: 13 }, (_, index) => 50 + index);
  for (const mode of ALL_MODES) {
    for (let forwards = 0; forwards < 10; forwards++) {
      const requests = [1, 2, 3].map((id) =>
        submission(id, { prompt: shared, maxTokens: 5, sampling: { seed: id, temperature: 1 } })
      );
      const again: readonly InboxMessage[] = [cancel(1), cancel(1), cancel(99), cancel(2)];
      const run = runScript([
        ...atOnce(requests),
        ...again.map((message) => ({ forwards, message })),
        { forwards: forwards + 1, message: cancel(1) },
        { forwards: 1000, message: cancel(1) },
      ], { ...BUSY, ...MODES[mode], prefixCache: true, maxBatchTokens: 8 });
      assertEquals(finishOf(run, 3).reason, "length");
    }
  }
});

test("a cancel that crosses the end of a request, and its wasted step, changes nothing", () => {
  const message = submission(1, { maxTokens: 9 });
  for (const mode of ALL_MODES) {
    const [, second] = runScript(atOnce([message]), MODES[mode]).engine.tokens(1);
    for (let forwards = 1; forwards < 6; forwards++) {
      const script = [...atOnce([{ ...message, eosTokenIds: [second!] }, submission(2)]), {
        forwards,
        message: cancel(1),
      }];
      const run = runScript(script, { ...BUSY, ...MODES[mode] });
      assertEquals(finishOf(run, 1).reason, run.engine.tokens(1).length < 2 ? "cancelled" : "stop");
    }
  }
});

test("a prefill that is cancelled while a chunk of it is in flight gives no token, and its blocks to others", async () => {
  const prompt = Array.from({ length: 40 }, (_, index) => 60 + index);
  for (const mode of ALL_MODES) {
    for (const execution of ["late", "exact", "eager"] as const) {
      for (let forwards = 1; forwards <= 4; forwards++) {
        // The second one waits for the blocks of the first, the third finds what was confirmed of it.
        const requests = [
          submission(1, { prompt, maxTokens: 8 }),
          submission(2, { prompt: 30, maxTokens: 9 }),
          submission(3, { prompt, maxTokens: 3 }),
        ];
        const run = runScript([...atOnce(requests), { forwards, message: cancel(1) }], {
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
        // Its blocks change hands when its last step has been read, and not before.
        assertGreater(launched[forwards]!.enqueued, launched[forwards - 1]!.end);
      }
    }
  }
});

test("a request that waits, is paused or was evicted is cancelled wherever it is", () => {
  const requests = [1, 2, 3, 4].map((id) => submission(id, { prompt: 5, maxTokens: 14 }));
  for (const mode of ALL_MODES) {
    const setUp = { ...BUSY, ...MODES[mode], blocks: 7, maxBatchRequests: 3 };
    const all = runScript(atOnce(requests), setUp);
    assertGreater(all.engine.counters.evictions, 0);
    const found = new Set<string>();
    for (let forwards = 0; forwards < all.engine.device.accounting.forwardCount; forwards += 2) {
      for (const id of [1, 2, 3, 4]) {
        const run = runScript([...atOnce(requests), { forwards, message: cancel(id) }], setUp);
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
      // The run itself checks the ends of all.
      runScript(script, { ...BUSY, ...MODES[mode], blocks: 16, maxBatchTokens: 9, streamInterval: 3 });
    }),
    { seed: 20261122, numRuns: 120 },
  );
});
