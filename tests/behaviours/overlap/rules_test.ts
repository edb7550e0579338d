import { assert, assertEquals, assertGreater } from "@std/assert";
import { test } from "node:test";
import type { Execution, TokenContext } from "../../support/scripted/scripted_device.ts";
import { type ScriptedEngineSetUp, submission } from "../../support/scripted/scripted_engine.ts";
import {
  ALL_MODES,
  atOnce,
  eventsOf,
  expectedStream,
  finishOf,
  MODES,
  runScript,
  textScript,
} from "../../support/scripted/scripted_run.ts";

const EXECUTIONS: readonly Execution[] = ["late", "exact", "eager"];

/** A device that is slower than its host. */
const SLOW: ScriptedEngineSetUp = {
  device: { durations: { forward: 1000, sampling: 100, copy: 10 }, costs: { upbeat_sample: 50 } },
};

/** The token with which a stream ends, as its n-th one; no other token is it. */
const EOS = 300;
const endsAt = (tokens: number) => ({ outputTokens, proposed, ...rest }: TokenContext) => {
  if (outputTokens.length === tokens - 1) return EOS;
  return textScript({ outputTokens, proposed, ...rest }) % EOS;
};

test("host buffers are used again only when what read or wrote them has passed", () => {
  const requests = Array.from({ length: 7 }, (_, index) => {
    const sampling = { seed: index, temperature: index % 2, ...(index % 3 === 0 ? { logprobs: 2 } : {}) };
    return submission(index + 1, { prompt: 3 + 4 * index, maxTokens: 12 - index, sampling });
  });
  for (const mode of ALL_MODES) {
    for (const execution of EXECUTIONS) {
      for (const graphSizes of [[], [8], [1, 2, 4, 8]]) {
        const { engine } = runScript(atOnce(requests), {
          ...SLOW,
          ...MODES[mode],
          device: { ...SLOW.device, execution },
          maxBatchTokens: 12,
          maxBatchRequests: 8,
          blocks: 100,
          graphSizes,
          // Before those the loop waits as well, for as long as there is time.
          lateLaunch: false,
        });
        // One wait for each step, and no other.
        const { accounting } = engine.device;
        const waits = [accounting.calls("upbeat_event_wait"), accounting.calls("upbeat_stream_synchronize")];
        assertEquals(waits, [accounting.forwardCount, 0]);
      }
    }
  }
});

test("a decode step is padded to no more rows than a step has tokens", () => {
  const requests = [1, 2, 3].map((id) => submission(id, { prompt: 3, maxTokens: 6 }));
  for (const mode of ALL_MODES) {
    const { engine, error } = runScript(atOnce(requests), {
      ...MODES[mode],
      maxBatchTokens: 3,
      maxBatchRequests: 8,
      graphSizes: [2, 4, 8],
    });
    assertEquals(error, null);
    assert(engine.device.accounting.forwards.every(({ tokens }) => tokens <= 3));
  }
});

test("a length stop is predicted: as many forward passes as tokens, in every mode", () => {
  for (const mode of ALL_MODES) {
    for (const maxTokens of [1, 2, 3, 8]) {
      const requests = [submission(1, { maxTokens }), submission(2, { maxTokens })];
      const { engine } = runScript(atOnce(requests), { ...SLOW, ...MODES[mode] });
      const { forwards } = engine.device.accounting;
      assertEquals(forwards.map(({ requests }) => requests), new Array<number>(maxTokens).fill(2));
      assertEquals(engine.counters.wastedSteps, 0);
    }
  }
});

test("a stop token or string costs overlap one step, whose token nobody sees", () => {
  for (const mode of ALL_MODES) {
    const wasted = mode === "plain" ? 0 : 1;
    for (const tokens of [1, 2, 5]) {
      const byToken = submission(1, { maxTokens: 20, eosTokenIds: [EOS] });
      const byString = submission(1, { maxTokens: 20, stopStrings: ["X"] });
      const scripts = [endsAt(tokens), (context: TokenContext) => (endsAt(tokens)(context) === EOS ? 88 : 65)];
      for (const [index, message] of [byToken, byString].entries()) {
        const run = runScript(atOnce([message]), {
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

test("a stop token that is the last one anyway costs no step", () => {
  for (const mode of ALL_MODES) {
    const message = submission(1, { maxTokens: 4, eosTokenIds: [EOS] });
    const run = runScript(atOnce([message]), { ...MODES[mode], device: { ...SLOW.device, script: endsAt(4) } });
    assertEquals([finishOf(run, 1).reason, run.engine.device.accounting.forwardCount], ["stop", 4]);
    assertEquals(run.engine.counters.wastedSteps, 0);
  }
});

test("blocks of a request that ended go to work that is ordered behind its wasted step", () => {
  // Each alone fills the pool, and ends long before its length.
  const requests = [1, 2, 3].map((id) => submission(id, { prompt: 14, maxTokens: 18, eosTokenIds: [EOS] }));
  for (const mode of ["overlap", "early"] as const) {
    for (const execution of EXECUTIONS) {
      const { engine } = runScript(atOnce(requests), {
        ...MODES[mode],
        device: { ...SLOW.device, execution, script: endsAt(4) },
        blocks: 8,
        maxBatchRequests: 1,
      });
      const { forwards } = engine.device.accounting;
      const prefills = forwards.flatMap(({ isPrefill }, index) => (isPrefill ? [index] : []));
      assertEquals(prefills, [0, 5, 10]);
      // The next request does not wait for the step that was wasted.
      for (const index of prefills.slice(1)) assert(forwards[index]!.enqueued < forwards[index - 1]!.end);
      assertEquals(engine.counters.wastedSteps, 3);
    }
  }
});

test("the prefix cache knows tokens that are certain, and none that a wasted step computed", () => {
  for (const mode of ALL_MODES) {
    for (const execution of EXECUTIONS) {
      for (const tokens of [2, 3, 4, 7]) {
        const first = submission(1, { prompt: 5, maxTokens: 20, eosTokenIds: [EOS] });
        const script = endsAt(tokens);
        const { stream } = expectedStream({ ...first, eosTokenIds: [] }, script);
        // The same sequence, with the stop token and what the device saw behind it.
        const sequence = [...first.promptTokenIds, ...stream.map(({ tokenId }) => tokenId)];
        const run = runScript([...atOnce([first]), { at: 50, message: submission(2, { prompt: sequence }) }], {
          ...SLOW,
          ...MODES[mode],
          device: { ...SLOW.device, execution, script },
          prefixCache: true,
          maxBatchTokens: 32,
        });
        // The stop token's own key and value were computed by nobody, or by a step that was wasted.
        const certain = first.promptTokenIds.length + tokens - 1;
        assertEquals(eventsOf(run, 2, "PREFILL_CHUNK")[0]!.payload.cached, certain - (certain % 4));
      }
    }
  }
});

test("penalties see every earlier token, those that are in flight included", () => {
  const sampling = { frequencyPenalty: 0.8, presencePenalty: 0.3, repetitionPenalty: 1.2 };
  const requests = [1, 2, 3].map((id) =>
    submission(id, { prompt: 5 * id, maxTokens: 15, sampling: { ...sampling, seed: id } })
  );
  for (const mode of ALL_MODES) {
    // The device compares the history that penalties read with the sequence that attention saw.
    for (const execution of EXECUTIONS) {
      runScript(atOnce(requests), {
        ...SLOW,
        ...MODES[mode],
        device: { ...SLOW.device, execution },
        maxBatchTokens: 9,
      });
    }
  }
});

test("nothing is in flight when somebody is paused or evicted", () => {
  const requests = [1, 2, 3].map((id) => submission(id, { prompt: 6, maxTokens: 20, sampling: { seed: id } }));
  for (const mode of ALL_MODES) {
    for (const prefixCache of [false, true]) {
      const run = runScript(atOnce(requests), { ...SLOW, ...MODES[mode], blocks: 8, prefixCache, streamInterval: 5 });
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

test("a request that is preempted right after its first token goes on where it was", () => {
  for (const mode of ALL_MODES) {
    const lives = new Set<string>();
    for (let forwards = 1; forwards < 20; forwards++) {
      const requests = [submission(1, { prompt: 21, maxTokens: 22 }), submission(2, { prompt: 7, maxTokens: 9 })];
      const script = [...atOnce(requests.slice(0, 1)), { forwards, message: requests[1]! }];
      const run = runScript(script, {
        ...SLOW,
        ...MODES[mode],
        blocks: 11,
        maxBatchTokens: 32,
        streamInterval: 4,
        rowCost: 20,
      });
      const types = run.engine.events(2).map(({ type }) => type).filter((type) => type !== "ERROR_TRANSIENT");
      lives.add(types.slice(0, 5).join(" "));
      assertEquals([1, 2].map((id) => finishOf(run, id).reason), ["length", "length"]);
    }
    assert(lives.has("PREFILL_CHUNK ADD_CONTEXT GENERATED_TOKEN PAUSE EVICT"), [...lives].join(", "));
  }
});

test("the engine is idle with no block or slot held after every kind of end", () => {
  // The loop checks its books whenever it rests: once between the two batches, and once at the end.
  const batch = (first: number) =>
    [0, 1, 2, 3, 4].map((index) => {
      const stop = [{ eosTokenIds: [EOS] }, { stopStrings: ["upon"] }, {}, { maxTokens: 1 }, { maxTokens: 50 }][index]!;
      return submission(first + index, { prompt: 4 + 5 * index, maxTokens: 12, ...stop });
    });
  for (const mode of ALL_MODES) {
    for (const prefixCache of [false, true]) {
      const { engine } = runScript([
        ...atOnce(batch(1)),
        { at: 6, message: { type: "cancel", id: 5 } },
        ...batch(11).map((message) => ({ at: 500, message })),
        { at: 506, message: { type: "cancel", id: 15 } },
      ], { ...MODES[mode], device: { ...SLOW.device, script: endsAt(7) }, prefixCache, blocks: 30 });
      assertEquals(engine.counters.usedBlocks, 0);
    }
  }
});
