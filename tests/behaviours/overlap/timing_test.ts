import { assert, assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { test } from "node:test";
import { type ScriptedArrival, type ScriptedEngineSetup, submission } from "../../support/scripted/scripted_engine.ts";
import {
  ALL_MODES,
  allAtStart,
  eventsOf,
  finishOf,
  type Mode,
  MODES,
  outputOfToken,
  outputsOfTokens,
  runScript,
  type ScriptedRun,
} from "../../support/scripted/scripted_run.ts";

/** Host time to dispatch sampling and to process a row, in microseconds. */
const DISPATCH = 400;
const ROW = 10;

/** The timings of a GPU, with costs for the host's work. */
const GPU: ScriptedEngineSetup = {
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

/** Milliseconds from when a request's first token reached the host until it was sent. */
function firstTokenLag(run: ScriptedRun, id: number): number {
  return outputOfToken(run, id, 0).emittedAt - eventsOf(run, id, "GENERATED_TOKEN")[0]!.timestamp;
}

test("tokens are sent after they reach the host, in every mode", () => {
  const script = [1, 2, 3, 4, 5].map((id) => ({ at: 9 * id, message: submission(id, { prompt: 30, maxTokens: 12 }) }));
  for (const mode of ALL_MODES) {
    const run = runScript(script, { ...GPU, ...MODES[mode], streamInterval: 3, maxBatchTokens: 20 });
    for (const { events, emittedAt, receivedAt } of run.engine.outputs) {
      assert(events.every(({ timestamp }) => timestamp <= emittedAt) && emittedAt < receivedAt);
    }
    for (const id of run.requests.keys()) assertEquals(outputsOfTokens(run, id).length, 12);
  }
});

test("an early first token is sent before sampling is dispatched and other rows are processed, a late one after that", () => {
  const others = 31;
  const running = Array.from({ length: others }, (_, index) => submission(index + 1, { prompt: 2, maxTokens: 40 }));
  const newcomer = { forwards: 20, message: submission(100, { prompt: 30, maxTokens: 5 }) };
  const [late, early] = (["overlap", "early"] as const).map((mode) => runGpu([...allAtStart(running), newcomer], mode));
  // Both modes run alike up to this token, so their times can be compared.
  const [lateToken, earlyToken] = [late!, early!].map((run) => eventsOf(run, 100, "GENERATED_TOKEN")[0]!.timestamp);
  assertEquals(earlyToken, lateToken);
  assertEquals(firstTokenLag(early!, 100), 0);
  const gained = outputOfToken(late!, 100, 0).receivedAt - outputOfToken(early!, 100, 0).receivedAt;
  assertGreater(gained, (DISPATCH + others * ROW) / 1000);

  // It is alone in its output; the step's other tokens are in the next one.
  const [index] = outputsOfTokens(early!, 100);
  const withTokens = (at: number) => {
    const tokens = early!.engine.outputs[at]!.events.filter(({ type }) => type === "GENERATED_TOKEN");
    return [...new Set(tokens.map(({ requestId }) => requestId))];
  };
  assertEquals([withTokens(index!), withTokens(index! + 1).length], [[100], others]);
});

test("a first token that is also the last one is sent with its end, before sampling is dispatched", () => {
  const running = Array.from({ length: 8 }, (_, index) => submission(index + 1, { prompt: 2, maxTokens: 40 }));
  const newcomer = { forwards: 20, message: submission(100, { prompt: 30, maxTokens: 1 }) };
  const [late, early] = (["overlap", "early"] as const).map((mode) => {
    const run = runGpu([...allAtStart(running), newcomer], mode);
    assertEquals(outputsOfTokens(run, 100).length, 1);
    assert(finishOf(run, 100).time >= eventsOf(run, 100, "GENERATED_TOKEN")[0]!.timestamp);
    return run;
  });
  assertGreater(firstTokenLag(late!, 100), DISPATCH / 1000);
  assert(firstTokenLag(early!, 100) < DISPATCH / 1000);
  // It does not make the device idle.
  assertEquals(stepsAfterGaps(early!), 0);
});

test("first tokens are early also in a batch of first tokens", () => {
  const requests = allAtStart([1, 2, 3, 4].map((id) => submission(id, { prompt: 6, maxTokens: 7 })));
  const lags = ALL_MODES.map((mode) =>
    Math.max(...[1, 2, 3, 4].map((id) => firstTokenLag(runGpu(requests, mode), id)))
  );
  assertGreater(lags[1]! - lags[2]!, DISPATCH / 1000);
  assertEquals(lags[2], 0);
});

/** Number of steps, the first one aside, before which the device was idle. */
function stepsAfterGaps({ engine }: ScriptedRun): number {
  const { forwards, gaps } = engine.device.accounting;
  return forwards.slice(1).filter(({ start }, index) => {
    return gaps.some(({ from, to }) => from >= forwards[index]!.end && to <= start);
  }).length;
}

test("the device is never idle in steady decode with overlap, and idle before every step without", () => {
  for (const rows of [1, 32]) {
    const requests = Array.from({ length: rows }, (_, index) => submission(index + 1, { prompt: 2, maxTokens: 25 }));
    for (const mode of ALL_MODES) {
      const run = runGpu(allAtStart(requests), mode);
      const { forwards, gaps } = run.engine.device.accounting;
      assertEquals(forwards.length, 25);
      assertEquals(stepsAfterGaps(run), mode === "plain" ? 24 : 0);
      if (mode !== "plain") assertEquals(gaps.filter(({ from }) => from > forwards[0]!.start), []);
    }
  }
});

test("the device does not wait for the dispatch of sampling in steady decode", () => {
  for (const mode of ["overlap", "early"] as const) {
    // Steps too short to delay a launch, and longer ones whose dispatch is too long to delay it.
    for (const step of [400, 2000]) {
      const run = runScript(allAtStart([submission(1, { maxTokens: 60 })]), {
        ...MODES[mode],
        // The dispatch takes as long as a step: it must not begin only after the forward pass.
        device: { durations: { forward: step - 100, sampling: 100 }, costs: { upbeat_sample: step } },
      });
      const { forwards } = run.engine.device.accounting;
      assertAlmostEquals(forwards[59]!.start - forwards[9]!.start, 50 * step / 1000, 0.1);
    }
  }
});

test("the device is never idle between steps as requests arrive and end", () => {
  const script = Array.from({ length: 12 }, (_, index) => ({
    at: 15 * index,
    message: submission(index + 1, { prompt: 4 + index, maxTokens: 60 - 3 * index, eosTokenIds: [260, 261, 262] }),
  }));
  for (const mode of ["overlap", "early"] as const) assertEquals(stepsAfterGaps(runGpu(script, mode)), 0);
});

test("overlap takes the device's time, and the plain loop the host's time on top", () => {
  const requests = allAtStart([submission(1, { prompt: 2, maxTokens: 50 })]);
  const [plain, overlap, early] = ALL_MODES.map((mode) => finishOf(runGpu(requests, mode), 1).time);
  assertGreater(plain! - overlap!, (50 * 60) / 1000);
  assertEquals(early, overlap);
});

/** Runs a first request and another one whose prefill takes the host milliseconds to launch. */
function runHostHeavy(
  mode: Mode,
  forward: number,
  second: { prompt: number } | null,
  options: ScriptedEngineSetup = {},
): ScriptedRun {
  const newcomer = second === null ? [] : [{ forwards: 1, message: submission(2, second) }];
  return runScript([...allAtStart([submission(1)]), ...newcomer], {
    ...MODES[mode],
    ...options,
    device: {
      durations: { forward },
      costs: { upbeat_attention: 1000, upbeat_sample: DISPATCH, upbeat_event_query: 1 },
    },
  });
}

test("a first token whose step has ended is sent before a prefill is launched", () => {
  const { early, overlap } = {
    early: runHostHeavy("early", 100, { prompt: 9 }),
    overlap: runHostHeavy("overlap", 100, { prompt: 9 }),
  };
  const launched = (run: ScriptedRun) => run.engine.device.accounting.forwards[1]!.enqueued;
  // The launch takes a millisecond.
  assert(outputOfToken(early, 1, 0).receivedAt <= launched(early) - 0.9);
  assertGreater(outputOfToken(overlap, 1, 0).receivedAt, launched(overlap));
  // The token is read before the launch in both modes.
  assert(eventsOf(overlap, 1, "GENERATED_TOKEN")[0]!.timestamp <= launched(overlap) - 0.9);
});

test("a prefill is launched before the step in flight is waited for", () => {
  for (const mode of ["overlap", "early"] as const) {
    const run = runHostHeavy(mode, 20_000, { prompt: 9 });
    const [first, second] = run.engine.device.accounting.forwards;
    assert(second!.enqueued < first!.end && eventsOf(run, 1, "GENERATED_TOKEN")[0]!.timestamp >= first!.end);
    assertEquals(stepsAfterGaps(run), 0);
  }
});

test("a decode step is launched without a query for the step in flight", () => {
  for (const mode of ["overlap", "early"] as const) {
    const { device } = runHostHeavy(mode, 100, null, { lateLaunch: false }).engine;
    assertEquals(device.accounting.calls("upbeat_event_query"), 0);
  }
});
