import { assert, assertAlmostEquals, assertEquals, assertGreater, assertLess } from "@std/assert";
import { test } from "node:test";
import { Random } from "../../ops/random.ts";
import { type ScriptedEngineSetup, submission } from "../../support/scripted/scripted_engine.ts";
import {
  allAtStart,
  cancel,
  eventsOf,
  finishOf,
  outputOfToken,
  runScript,
} from "../../support/scripted/scripted_run.ts";

/** Times of a GPU, in milliseconds. */
const [DECODE, PREFILL] = [3, 12];

/** An engine for a decoding batch and requests that arrive. */
function setup(lateLaunch: boolean, jitter: () => number = () => 0): ScriptedEngineSetup {
  return {
    device: {
      durations: {
        forward: ({ isPrefill }) => 1000 * (isPrefill ? PREFILL : DECODE) * (1 + jitter()),
        sampling: 100,
        copy: 10,
      },
      costs: { upbeat_sample: 100, upbeat_graph_launch: 20 },
      checks: "latest",
    },
    sendCost: 20,
    maxBatchRequests: 40,
    maxBatchTokens: 80,
    blocks: 2000,
    lateLaunch,
  };
}

const running = (count: number, maxTokens: number) =>
  allAtStart(Array.from({ length: count }, (_, index) => submission(index + 1, { prompt: 4, maxTokens })));

/** Number of times the device was idle between two steps. */
function gapsOf({ engine }: ReturnType<typeof runScript>): number {
  return engine.device.accounting.gapCount;
}

/** Arrival times spread over one step. */
const PHASES = Array.from({ length: 20 }, (_, index) => 120 + (index / 20) * (DECODE + 0.11));

test("a request that arrives during a step joins the next one, until shortly before the step ends", () => {
  const saved = PHASES.map((at) => {
    const newcomer = { at, message: submission(99, { prompt: 20, maxTokens: 3 }) };
    const [late, immediate] = [true, false].map((lateLaunch) => {
      const run = runScript([...running(16, 80), newcomer], setup(lateLaunch));
      return eventsOf(run, 99, "GENERATED_TOKEN")[0]!.timestamp - at;
    });
    // If the next step was launched before the request arrived, the request waits for all of that step.
    assert(late! < PREFILL + 2 * (DECODE + 0.2));
    return immediate! - late!;
  });
  for (const time of saved) assert(Math.abs(time) < 0.05 || Math.abs(time - DECODE - 0.11) < 0.05, saved.join());
  const inTime = saved.filter((time) => time > 1).length;
  assert(inTime >= 12 && inTime < 20, saved.join());
});

test("the device never waits for a late launch when step durations are constant", () => {
  for (const rows of [1, 32]) {
    const gaps = [true, false].map((lateLaunch) => gapsOf(runScript(running(rows, 200), setup(lateLaunch))));
    assertEquals(gaps[0], gaps[1]);
  }
});

test("the device rarely waits for a late launch when step durations vary", () => {
  const random = new Random(7);
  const run = runScript(running(8, 200), setup(true, () => random.integer(-200, 200) / 1000));
  const { idleTime, busyTime } = run.engine.device.accounting;
  assertLess(idleTime, 0.002 * busyTime);
});

test("a step that ends sooner than predicted is read at once, and the next one is launched before the predicted end", () => {
  let calls = 0;
  const { engine, error } = runScript(running(4, 60), setup(true, () => ++calls === 40 ? -0.7 : 0));
  assertEquals(error, null);
  const { forwards } = engine.device.accounting;
  const short = forwards.findIndex(({ start, end }) => end - start < 0.5 * DECODE);
  assertAlmostEquals(forwards[short]!.end - forwards[short]!.start, 0.3 * DECODE, 0.01);
  // No step was in flight after it, so the gap is the host's work between two steps and no more.
  assertLess(forwards[short + 1]!.start - forwards[short]!.end, 0.5);
});

test("late launches neither change nor lose tokens when requests and cancels arrive during the delay", () => {
  const random = new Random(8);
  const script = Array.from({ length: 40 }, (_, index) => ({
    at: random.integer(0, 10 * index),
    message: submission(index + 1, { prompt: random.integer(1, 30), maxTokens: random.integer(1, 40) }),
  }));
  const cancels = [3, 9, 14].map((id) => ({ at: 9 * id, message: cancel(id) }));
  // Each run checks itself against the expected streams.
  const runs = [true, false].map((lateLaunch) => runScript([...script, ...cancels], setup(lateLaunch)));
  for (const run of runs) for (const id of run.requests.keys()) assert(finishOf(run, id).time > 0);
});

test("tokens are emitted before sampling is dispatched when the launch was delayed, and the device stays busy", () => {
  const [sampling, steps] = [400, 60];
  const lags = [true, false].map((lateLaunch) => {
    const base = setup(lateLaunch);
    const device = { ...base.device, costs: { ...base.device!.costs, upbeat_sample: sampling } };
    const run = runScript(running(32, steps), { ...base, device });
    const { gaps, forwards } = run.engine.device.accounting;
    assertEquals(gaps.filter(({ from }) => from > forwards[8]!.start), []);
    // Measured from when the token reaches the host: everything before that is the same in both.
    return Array.from({ length: 20 }, (_, index) => {
      const token = steps - 2 - index;
      return outputOfToken(run, 1, token).emittedAt - eventsOf(run, 1, "GENERATED_TOKEN")[token]!.timestamp;
    });
  });
  for (const [index, lag] of lags[0]!.entries()) assertAlmostEquals(lag, lags[1]![index]!, 0.02);
  assertLess(Math.max(...lags[0]!), sampling / 1000);
});

test("without early first tokens they wait for the dispatch of sampling, also when the launch was delayed", () => {
  const sampling = 400;
  // Enough prompts that the duration of a step with one is known, and launches after it are delayed.
  const newcomers = Array.from({ length: 10 }, (_, index) => ({
    at: 100 + 40 * index,
    message: submission(50 + index, { prompt: 20, maxTokens: 3 }),
  }));
  const lags = [true, false].map((earlyFirstToken) => {
    const base = setup(true);
    const device = { ...base.device, costs: { ...base.device!.costs, upbeat_sample: sampling } };
    const run = runScript([...running(4, 200), ...newcomers], { ...base, device, earlyFirstToken, trackSteps: true });
    assert(
      run.engine.reports.some(({ launchDelayMs }, index, { [index - 1]: previous }) =>
        launchDelayMs > 0 && previous !== undefined && previous.prefillTokens > 0
      ),
    );
    return outputOfToken(run, 59, 0).emittedAt - eventsOf(run, 59, "GENERATED_TOKEN")[0]!.timestamp;
  });
  assertLess(lags[0]!, sampling / 1000);
  assertGreater(lags[1]!, sampling / 1000);
});

test("a launch delay counts as waiting for the device", () => {
  const { engine } = runScript(running(4, 60), setup(true));
  const { forwards, forwardCount } = engine.device.accounting;
  const { stepTime, waitTime } = engine.counters;
  const computing = forwards.reduce((sum, { start, end }) => sum + end - start, 0);
  assertGreater(waitTime, 0.9 * computing);
  // Launches, the dispatch of sampling, and emission.
  assertAlmostEquals((stepTime - waitTime) / forwardCount, 0.14, 0.05);
});

test("a cancel takes effect no later when launches are delayed", () => {
  for (const at of PHASES) {
    const [late, immediate] = [true, false].map((lateLaunch) => {
      return finishOf(runScript([...running(2, 80), { at, message: cancel(1) }], setup(lateLaunch)), 1).time;
    });
    assert(late! <= immediate! + 0.05, `${late} ${immediate}`);
  }
});
