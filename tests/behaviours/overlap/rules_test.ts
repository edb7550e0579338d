import { assert, assertEquals, assertGreater } from "@std/assert";
import { test } from "node:test";
import type { Execution, TokenContext } from "../../support/scripted/scripted_device.ts";
import { type ScriptedEngineSetup, submission } from "../../support/scripted/scripted_engine.ts";
import {
  ALL_MODES,
  allAtStart,
  eventsOf,
  expectedStream,
  finishOf,
  MODES,
  runScript,
  textScript,
} from "../../support/scripted/scripted_run.ts";

const EXECUTIONS: readonly Execution[] = ["late", "exact", "eager"];

/** A device slower than its host. */
const SLOW: ScriptedEngineSetup = {
  device: { durations: { forward: 1000, sampling: 100, copy: 10 }, costs: { upbeat_sample: 50 } },
};

/** A stop token. `endsAt(n)` samples it as the n-th token, and never before. */
const EOS = 300;
const endsAt = (tokens: number) => ({ outputTokens, proposed, ...rest }: TokenContext) => {
  if (outputTokens.length === tokens - 1) return EOS;
  return textScript({ outputTokens, proposed, ...rest }) % EOS;
};

test("host buffers are reused only after the copies from and to them have ended", () => {
  const requests = Array.from({ length: 7 }, (_, index) => {
    const sampling = { seed: index, temperature: index % 2, ...(index % 3 === 0 ? { logprobs: 2 } : {}) };
    return submission(index + 1, { prompt: 3 + 4 * index, maxTokens: 12 - index, sampling });
  });
  for (const mode of ALL_MODES) {
    for (const execution of EXECUTIONS) {
      for (const graphSizes of [[], [8], [1, 2, 4, 8]]) {
        const { engine } = runScript(allAtStart(requests), {
          ...SLOW,
          ...MODES[mode],
          device: { ...SLOW.device, execution },
          maxBatchTokens: 12,
          maxBatchRequests: 8,
          blocks: 100,
          graphSizes,
          // Late launches wait for the device, too.
          lateLaunch: false,
        });
        // One wait per step, and no others.
        const { accounting } = engine.device;
        const waits = [accounting.calls("upbeat_event_wait"), accounting.calls("upbeat_stream_synchronize")];
        assertEquals(waits, [accounting.forwardCount, 0]);
      }
    }
  }
});

test("a decode step is padded to at most maxBatchTokens rows", () => {
  const requests = [1, 2, 3].map((id) => submission(id, { prompt: 3, maxTokens: 6 }));
  for (const mode of ALL_MODES) {
    const { engine, error } = runScript(allAtStart(requests), {
      ...MODES[mode],
      maxBatchTokens: 3,
      maxBatchRequests: 8,
      graphSizes: [2, 4, 8],
    });
    assertEquals(error, null);
    assert(engine.device.accounting.forwards.every(({ tokens }) => tokens <= 3));
  }
});

test("an end by length is foreseen: one forward pass per token, in every mode", () => {
  for (const mode of ALL_MODES) {
    for (const maxTokens of [1, 2, 3, 8]) {
      const requests = [submission(1, { maxTokens }), submission(2, { maxTokens })];
      const { engine } = runScript(allAtStart(requests), { ...SLOW, ...MODES[mode] });
      const { forwards } = engine.device.accounting;
      assertEquals(forwards.map(({ requests }) => requests), new Array<number>(maxTokens).fill(2));
      assertEquals(engine.counters.wastedSteps, 0);
    }
  }
});

test("a stop token or string wastes one step with overlap, and none without", () => {
  for (const mode of ALL_MODES) {
    const wasted = mode === "plain" ? 0 : 1;
    for (const tokens of [1, 2, 5]) {
      const byToken = submission(1, { maxTokens: 20, eosTokenIds: [EOS] });
      const byString = submission(1, { maxTokens: 20, stopStrings: ["X"] });
      const scripts = [endsAt(tokens), (context: TokenContext) => (endsAt(tokens)(context) === EOS ? 88 : 65)];
      for (const [index, message] of [byToken, byString].entries()) {
        const run = runScript(allAtStart([message]), {
          ...SLOW,
          ...MODES[mode],
          device: { ...SLOW.device, script: scripts[index]! },
        });
        assertEquals([run.engine.tokens(1).length, finishOf(run, 1).reason], [tokens, "stop"]);
        assertEquals(run.engine.device.accounting.forwardCount, tokens + wasted);
        assertEquals([finishOf(run, 1).wastedSteps, run.engine.counters.wastedSteps], [wasted, wasted]);
      }
    }
  }
});

test("a stop token at maxTokens wastes no step", () => {
  for (const mode of ALL_MODES) {
    const message = submission(1, { maxTokens: 4, eosTokenIds: [EOS] });
    const run = runScript(allAtStart([message]), { ...MODES[mode], device: { ...SLOW.device, script: endsAt(4) } });
    assertEquals([finishOf(run, 1).reason, run.engine.device.accounting.forwardCount], ["stop", 4]);
    assertEquals(run.engine.counters.wastedSteps, 0);
  }
});

test("blocks of an ended request are reused by work ordered after its wasted step", () => {
  // Each request fills the pool and stops long before maxTokens.
  const requests = [1, 2, 3].map((id) => submission(id, { prompt: 14, maxTokens: 18, eosTokenIds: [EOS] }));
  for (const mode of ["overlap", "early"] as const) {
    for (const execution of EXECUTIONS) {
      const { engine } = runScript(allAtStart(requests), {
        ...MODES[mode],
        device: { ...SLOW.device, execution, script: endsAt(4) },
        blocks: 8,
        maxBatchRequests: 1,
      });
      const { forwards } = engine.device.accounting;
      const prefills = forwards.flatMap(({ isPrefill }, index) => (isPrefill ? [index] : []));
      assertEquals(prefills, [0, 5, 10]);
      // The next request does not wait for the end of the wasted step.
      for (const index of prefills.slice(1)) assert(forwards[index]!.enqueued < forwards[index - 1]!.end);
      assertEquals(engine.counters.wastedSteps, 3);
    }
  }
});

test("the prefix cache has confirmed tokens, and none that a wasted step computed", () => {
  for (const mode of ALL_MODES) {
    for (const execution of EXECUTIONS) {
      for (const tokens of [2, 3, 4, 7]) {
        const first = submission(1, { prompt: 5, maxTokens: 20, eosTokenIds: [EOS] });
        const script = endsAt(tokens);
        const { stream } = expectedStream({ ...first, eosTokenIds: [] }, script);
        // The same sequence, with the tokens that the device samples after the stop token.
        const sequence = [...first.promptTokenIds, ...stream.map(({ tokenId }) => tokenId)];
        const run = runScript([...allAtStart([first]), { at: 50, message: submission(2, { prompt: sequence }) }], {
          ...SLOW,
          ...MODES[mode],
          device: { ...SLOW.device, execution, script },
          prefixCache: true,
          maxBatchTokens: 32,
        });
        // The stop token's key and value are computed by the wasted step, or not at all.
        const confirmed = first.promptTokenIds.length + tokens - 1;
        assertEquals(eventsOf(run, 2, "PREFILL_CHUNK")[0]!.payload.cached, confirmed - (confirmed % 4));
      }
    }
  }
});

test("penalties use all earlier tokens, those in flight included", () => {
  const sampling = { frequencyPenalty: 0.8, presencePenalty: 0.3, repetitionPenalty: 1.2 };
  const requests = [1, 2, 3].map((id) =>
    submission(id, { prompt: 5 * id, maxTokens: 15, sampling: { ...sampling, seed: id } })
  );
  for (const mode of ALL_MODES) {
    // The device checks that penalties and attention read the same sequence.
    for (const execution of EXECUTIONS) {
      runScript(allAtStart(requests), {
        ...SLOW,
        ...MODES[mode],
        device: { ...SLOW.device, execution },
        maxBatchTokens: 9,
      });
    }
  }
});

test("no step is in flight when a request is paused or preempted", () => {
  const requests = [1, 2, 3].map((id) => submission(id, { prompt: 6, maxTokens: 20, sampling: { seed: id } }));
  for (const mode of ALL_MODES) {
    for (const prefixCache of [false, true]) {
      const run = runScript(allAtStart(requests), {
        ...SLOW,
        ...MODES[mode],
        blocks: 8,
        prefixCache,
        streamInterval: 5,
      });
      assertGreater(run.engine.counters.evictions, 0);
      const { forwards } = run.engine.device.accounting;
      for (const id of [1, 2, 3]) {
        for (const { timestamp: time, type } of run.engine.events(id)) {
          if (type !== "PAUSE" && type !== "EVICT") continue;
          assert(forwards.every(({ enqueued, end }) => enqueued >= time || end <= time), `${type} at ${time}`);
        }
      }
    }
  }
});

test("a request preempted right after its first token resumes its stream", () => {
  for (const mode of ALL_MODES) {
    const sequences = new Set<string>();
    for (let forwards = 1; forwards < 20; forwards++) {
      const requests = [submission(1, { prompt: 21, maxTokens: 22 }), submission(2, { prompt: 7, maxTokens: 9 })];
      const script = [...allAtStart(requests.slice(0, 1)), { forwards, message: requests[1]! }];
      const run = runScript(script, {
        ...SLOW,
        ...MODES[mode],
        blocks: 11,
        maxBatchTokens: 32,
        streamInterval: 4,
        rowCost: 20,
      });
      const types = run.engine.events(2).map(({ type }) => type).filter((type) => type !== "ERROR_TRANSIENT");
      sequences.add(types.slice(0, 5).join(" "));
      assertEquals([1, 2].map((id) => finishOf(run, id).reason), ["length", "length"]);
    }
    assert(sequences.has("PREFILL_CHUNK ADD_CONTEXT GENERATED_TOKEN PAUSE EVICT"), [...sequences].join(", "));
  }
});

test("all blocks and slots are free after ends of every kind", () => {
  // The loop checks that nothing is in use whenever it is idle: between the two batches, and at the end.
  const batch = (first: number) =>
    [0, 1, 2, 3, 4].map((index) => {
      const stop = [{ eosTokenIds: [EOS] }, { stopStrings: ["upon"] }, {}, { maxTokens: 1 }, { maxTokens: 50 }][index]!;
      return submission(first + index, { prompt: 4 + 5 * index, maxTokens: 12, ...stop });
    });
  for (const mode of ALL_MODES) {
    for (const prefixCache of [false, true]) {
      const { engine } = runScript([
        ...allAtStart(batch(1)),
        { at: 6, message: { type: "cancel", id: 5 } },
        ...batch(11).map((message) => ({ at: 500, message })),
        { at: 506, message: { type: "cancel", id: 15 } },
      ], { ...MODES[mode], device: { ...SLOW.device, script: endsAt(7) }, prefixCache, blocks: 30 });
      assertEquals(engine.counters.usedBlocks, 0);
    }
  }
});
