import { assert, assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { test } from "node:test";
import { type ScriptedArrival, type ScriptedEngineSetUp, submission } from "../../support/scripted/scripted_engine.ts";
import {
  ALL_MODES,
  atOnce,
  eventsOf,
  finishOf,
  type Mode,
  MODES,
  outputOfToken,
  outputsOfTokens,
  runScript,
  type ScriptedRun,
} from "../../support/scripted/scripted_run.ts";

/** Microseconds of the host: what a dispatch of sampling takes, and the bookkeeping of a row. */
const DISPATCH = 400;
const ROW = 10;

/** The timings of a GPU, and a host that has something to do. */
const GPU: ScriptedEngineSetUp = {
  device: {
    durations: { forward: ({ isPrefill }) => (isPrefill ? 12_000 : 3000), sampling: 100, copy: 10 },
    costs: { upbeat_sample: DISPATCH, upbeat_graph_launch: 60, upbeat_linear: 20, upbeat_attention: 20 },
    checks: "latest",
  },
  sendCost: 50,
  rowCost: ROW,
  maxBatchRequests: 40,
  maxBatchTokens: 80,
  blocks: 1000,
};

const runGpu = (script: readonly ScriptedArrival[], mode: Mode) => runScript(script, { ...GPU, ...MODES[mode] });

/** Milliseconds from when a request's first token was known until it was handed over. */
function firstTokenLag(run: ScriptedRun, id: number): number {
  return outputOfToken(run, id, 0).emittedAt - eventsOf(run, id, "GENERATED_TOKEN")[0]!.timestamp;
}

test("tokens are handed over after they are known, in every mode", () => {
  const script = [1, 2, 3, 4, 5].map((id) => ({ at: 9 * id, message: submission(id, { prompt: 30, maxTokens: 12 }) }));
  for (const mode of ALL_MODES) {
    const run = runScript(script, { ...GPU, ...MODES[mode], streamInterval: 3, maxBatchTokens: 20 });
    for (const { events, emittedAt, receivedAt } of run.engine.outputs) {
      assert(events.every(({ timestamp }) => timestamp <= emittedAt) && emittedAt < receivedAt);
    }
    for (const id of run.requests.keys()) assertEquals(outputsOfTokens(run, id).length, 12);
  }
});

test("an early first token comes before the dispatch of sampling and the other rows, a late one behind them", () => {
  const others = 31;
  const running = Array.from({ length: others }, (_, index) => submission(index + 1, { prompt: 2, maxTokens: 40 }));
  const newcomer = { forwards: 20, message: submission(100, { prompt: 30, maxTokens: 5 }) };
  const [late, early] = (["overlap", "early"] as const).map((mode) => runGpu([...atOnce(running), newcomer], mode));
  // Both run alike until then, so that the times themselves can be compared.
  const [lateToken, earlyToken] = [late!, early!].map((run) => eventsOf(run, 100, "GENERATED_TOKEN")[0]!.timestamp);
  assertEquals(earlyToken, lateToken);
  assertEquals(firstTokenLag(early!, 100), 0);
  const gained = outputOfToken(late!, 100, 0).receivedAt - outputOfToken(early!, 100, 0).receivedAt;
  assertGreater(gained, (DISPATCH + others * ROW) / 1000);

  // It is alone in its output; the others' tokens of the step are in the next one, and older than nothing before it.
  const [index] = outputsOfTokens(early!, 100);
  const withTokens = (at: number) => {
    const tokens = early!.engine.outputs[at]!.events.filter(({ type }) => type === "GENERATED_TOKEN");
    return [...new Set(tokens.map(({ requestId }) => requestId))];
  };
  assertEquals([withTokens(index!), withTokens(index! + 1).length], [[100], others]);
});

test("a first token that is the last one too leaves complete, and before the dispatch of sampling", () => {
  const running = Array.from({ length: 8 }, (_, index) => submission(index + 1, { prompt: 2, maxTokens: 40 }));
  const newcomer = { forwards: 20, message: submission(100, { prompt: 30, maxTokens: 1 }) };
  const [late, early] = (["overlap", "early"] as const).map((mode) => {
    const run = runGpu([...atOnce(running), newcomer], mode);
    assertEquals(outputsOfTokens(run, 100).length, 1);
    assert(finishOf(run, 100).time >= eventsOf(run, 100, "GENERATED_TOKEN")[0]!.timestamp);
    return run;
  });
  assertGreater(firstTokenLag(late!, 100), DISPATCH / 1000);
  assert(firstTokenLag(early!, 100) < DISPATCH / 1000);
  // The device does not wait for it.
  assertEquals(stepsBehindGaps(early!), 0);
});

test("a first token is early in a batch of first tokens, where nobody else is there to be overtaken", () => {
  const requests = atOnce([1, 2, 3, 4].map((id) => submission(id, { prompt: 6, maxTokens: 7 })));
  const lags = ALL_MODES.map((mode) =>
    Math.max(...[1, 2, 3, 4].map((id) => firstTokenLag(runGpu(requests, mode), id)))
  );
  assertGreater(lags[1]! - lags[2]!, DISPATCH / 1000);
  assertEquals(lags[2], 0);
});

/** Steps behind the first one before which the device had nothing to do. */
function stepsBehindGaps({ engine }: ScriptedRun): number {
  const { forwards, gaps } = engine.device.accounting;
  return forwards.slice(1).filter(({ start }, index) => {
    return gaps.some(({ from, to }) => from >= forwards[index]!.end && to <= start);
  }).length;
}

test("the device's queue never runs dry in steady decode with overlap, and in every step without", () => {
  for (const rows of [1, 32]) {
    const requests = Array.from({ length: rows }, (_, index) => submission(index + 1, { prompt: 2, maxTokens: 25 }));
    for (const mode of ALL_MODES) {
      const run = runGpu(atOnce(requests), mode);
      const { forwards, gaps } = run.engine.device.accounting;
      assertEquals(forwards.length, 25);
      assertEquals(stepsBehindGaps(run), mode === "plain" ? 24 : 0);
      if (mode !== "plain") assertEquals(gaps.filter(({ from }) => from > forwards[0]!.start), []);
    }
  }
});

test("the device does not wait for the dispatch of sampling either, where no first token does", () => {
  for (const mode of ["overlap", "early"] as const) {
    // Steps whose launch never waits, and longer ones, where it would if the dispatch took less.
    for (const step of [400, 2000]) {
      const run = runScript(atOnce([submission(1, { maxTokens: 60 })]), {
        ...MODES[mode],
        // As long as the device takes for a step: there is time for one dispatch in it, but not behind the forward pass.
        device: { durations: { forward: step - 100, sampling: 100 }, costs: { upbeat_sample: step } },
      });
      const { forwards } = run.engine.device.accounting;
      assertAlmostEquals(forwards[59]!.start - forwards[9]!.start, 50 * step / 1000, 0.1);
    }
  }
});

test("the device's queue never runs dry as requests come and go", () => {
  const script = Array.from({ length: 12 }, (_, index) => ({
    at: 15 * index,
    message: submission(index + 1, { prompt: 4 + index, maxTokens: 60 - 3 * index, eosTokenIds: [260, 261, 262] }),
  }));
  for (const mode of ["overlap", "early"] as const) assertEquals(stepsBehindGaps(runGpu(script, mode)), 0);
});

test("overlap takes as long as the device does, and plain the host's time longer", () => {
  const requests = atOnce([submission(1, { prompt: 2, maxTokens: 50 })]);
  const [plain, overlap, early] = ALL_MODES.map((mode) => finishOf(runGpu(requests, mode), 1).time);
  assertGreater(plain! - overlap!, (50 * 60) / 1000);
  assertEquals(early, overlap);
});

/** A prefill takes the host long to launch, and this device next to no time to compute. */
function runHostHeavy(
  mode: Mode,
  forward: number,
  second: { prompt: number } | null,
  options: ScriptedEngineSetUp = {},
): ScriptedRun {
  const newcomer = second === null ? [] : [{ forwards: 1, message: submission(2, second) }];
  return runScript([...atOnce([submission(1)]), ...newcomer], {
    ...MODES[mode],
    ...options,
    device: {
      durations: { forward },
      costs: { upbeat_attention: 1000, upbeat_sample: DISPATCH, upbeat_event_query: 1 },
    },
  });
}

test("a first token that is on the host already leaves before a prefill is launched", () => {
  const { early, overlap } = {
    early: runHostHeavy("early", 100, { prompt: 9 }),
    overlap: runHostHeavy("overlap", 100, { prompt: 9 }),
  };
  const launched = (run: ScriptedRun) => run.engine.device.accounting.forwards[1]!.enqueued;
  // Its launch takes a millisecond.
  assert(outputOfToken(early, 1, 0).receivedAt <= launched(early) - 0.9);
  assertGreater(outputOfToken(overlap, 1, 0).receivedAt, launched(overlap));
  // The token is known when it is read, early or not.
  assert(eventsOf(overlap, 1, "GENERATED_TOKEN")[0]!.timestamp <= launched(overlap) - 0.9);
});

test("a prefill is launched before the device is waited for", () => {
  for (const mode of ["overlap", "early"] as const) {
    const run = runHostHeavy(mode, 20_000, { prompt: 9 });
    const [first, second] = run.engine.device.accounting.forwards;
    assert(second!.enqueued < first!.end && eventsOf(run, 1, "GENERATED_TOKEN")[0]!.timestamp >= first!.end);
    assertEquals(stepsBehindGaps(run), 0);
  }
});

test("nobody asks whether tokens are there before a decode step, which is launched at once", () => {
  for (const mode of ["overlap", "early"] as const) {
    const { device } = runHostHeavy(mode, 100, null, { lateLaunch: false }).engine;
    assertEquals(device.accounting.calls("upbeat_event_query"), 0);
  }
});
