import { assert, assertAlmostEquals, assertEquals, assertGreater, assertLess } from "@std/assert";
import { test } from "node:test";
import { type Launch, type StepSize, StepTimeEstimator } from "../../../engine/executor/step_time_estimator.ts";
import { Random } from "../../ops/random.ts";
import { type ScriptedEngineSetUp, submission } from "../../support/scripted/scripted_engine.ts";
import { atOnce, cancel, eventsOf, finishOf, outputOfToken, runScript } from "../../support/scripted/scripted_run.ts";

/** Times of a GPU, in milliseconds. */
const [DECODE, PREFILL] = [3, 12];

/** A batch that decodes, and whoever comes. */
function setUp(lateLaunch: boolean, jitter: () => number = () => 0): ScriptedEngineSetUp {
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
  atOnce(Array.from({ length: count }, (_, index) => submission(index + 1, { prompt: 4, maxTokens })));

/** Gaps in the device's work between the first step and the last. */
function gapsOf({ engine }: ReturnType<typeof runScript>): number {
  return engine.device.accounting.gapCount;
}

/** Arrivals all over one step. */
const PHASES = Array.from({ length: 20 }, (_, index) => 120 + (index / 20) * (DECODE + 0.11));

test("a request that arrives while a step runs is in the next one, up to shortly before the end of the step", () => {
  const saved = PHASES.map((at) => {
    const newcomer = { at, message: submission(99, { prompt: 20, maxTokens: 3 }) };
    const [late, atOnce] = [true, false].map((lateLaunch) => {
      const run = runScript([...running(16, 80), newcomer], setUp(lateLaunch));
      return eventsOf(run, 99, "GENERATED_TOKEN")[0]!.timestamp - at;
    });
    // Where the step behind was launched before it came, it waits for all of that one.
    assert(late! < PREFILL + 2 * (DECODE + 0.2));
    return atOnce! - late!;
  });
  for (const time of saved) assert(Math.abs(time) < 0.05 || Math.abs(time - DECODE - 0.11) < 0.05, saved.join());
  const inTime = saved.filter((time) => time > 1).length;
  assert(inTime >= 12 && inTime < 20, saved.join());
});

test("the device never waits for a late launch while steps take as long as they did", () => {
  for (const rows of [1, 32]) {
    const gaps = [true, false].map((lateLaunch) => gapsOf(runScript(running(rows, 200), setUp(lateLaunch))));
    assertEquals(gaps[0], gaps[1]);
  }
});

test("the device seldom waits for a late launch where the durations of steps vary", () => {
  const random = new Random(7);
  const run = runScript(running(8, 200), setUp(true, () => random.integer(-200, 200) / 1000));
  const { idleTime, busyTime } = run.engine.device.accounting;
  assertLess(idleTime, 0.002 * busyTime);
});

test("a step that ends sooner than was foretold is read at once, and the device does not wait for the foretold end", () => {
  let calls = 0;
  const { engine, error } = runScript(running(4, 60), setUp(true, () => ++calls === 40 ? -0.7 : 0));
  assertEquals(error, null);
  const { forwards } = engine.device.accounting;
  const short = forwards.findIndex(({ start, end }) => end - start < 0.5 * DECODE);
  assertAlmostEquals(forwards[short]!.end - forwards[short]!.start, 0.3 * DECODE, 0.01);
  // Nothing was launched behind it: what the host does between two steps is added, and no more.
  assertLess(forwards[short + 1]!.start - forwards[short]!.end, 0.5);
});

test("late launches change no token and lose none, whatever arrives while they wait", () => {
  const random = new Random(8);
  const script = Array.from({ length: 40 }, (_, index) => ({
    at: random.integer(0, 10 * index),
    message: submission(index + 1, { prompt: random.integer(1, 30), maxTokens: random.integer(1, 40) }),
  }));
  const cancels = [3, 9, 14].map((id) => ({ at: 9 * id, message: cancel(id) }));
  // Each run is checked against the streams that are known in advance.
  const runs = [true, false].map((lateLaunch) => runScript([...script, ...cancels], setUp(lateLaunch)));
  for (const run of runs) for (const id of run.requests.keys()) assert(finishOf(run, id).time > 0);
});

test("tokens are told before the dispatch of sampling where the launch has waited, and the device waits for neither", () => {
  const [sampling, steps] = [400, 60];
  const lags = [true, false].map((lateLaunch) => {
    const set = setUp(lateLaunch);
    const device = { ...set.device, costs: { ...set.device!.costs, upbeat_sample: sampling } };
    const run = runScript(running(32, steps), { ...set, device });
    const { gaps, forwards } = run.engine.device.accounting;
    assertEquals(gaps.filter(({ from }) => from > forwards[8]!.start), []);
    // From the end of the forward pass: what the device and the host do with a token is the same in both.
    return Array.from({ length: 20 }, (_, index) => {
      const token = steps - 2 - index;
      return outputOfToken(run, 1, token).emittedAt - eventsOf(run, 1, "GENERATED_TOKEN")[token]!.timestamp;
    });
  });
  for (const [index, lag] of lags[0]!.entries()) assertAlmostEquals(lag, lags[1]![index]!, 0.02);
  assertLess(Math.max(...lags[0]!), sampling / 1000);
});

test("time for which a launch is delayed counts as waiting for the device", () => {
  const { engine } = runScript(running(4, 60), setUp(true));
  const { forwards, forwardCount } = engine.device.accounting;
  const { stepTime, waitTime } = engine.counters;
  const computing = forwards.reduce((sum, { start, end }) => sum + end - start, 0);
  assertGreater(waitTime, 0.9 * computing);
  // Launches, the dispatch of sampling, and what is emitted.
  assertAlmostEquals((stepTime - waitTime) / forwardCount, 0.14, 0.05);
});

test("a cancel does not wait for a late launch", () => {
  for (const at of PHASES) {
    const [late, atOnce] = [true, false].map((lateLaunch) => {
      return finishOf(runScript([...running(2, 80), { at, message: cancel(1) }], setUp(lateLaunch)), 1).time;
    });
    assert(late! <= atOnce! + 0.05, `${late} ${atOnce}`);
  }
});

const decoding = (tokens: number) => ({ isPrefill: false, tokens });
const PROMPT = { isPrefill: true, tokens: 64 };

/** A launch at some time that took so long, and in what it found the device. */
function launch(at: number, cost: number, device: Launch["device"] = "busy", more: Partial<Launch> = {}): Launch {
  return { isPrefill: false, start: at - cost, end: at, device, hasWaited: true, ...more };
}

/** A timer that has seen steps of 10 ms, the last of which ended at 100. */
function seasoned(tokens = 4, cost = 0.5): StepTimeEstimator {
  const timer = new StepTimeEstimator();
  for (let step = 0; step <= 10; step++) {
    timer.launched(launch(10 * step - 1, cost));
    timer.ended(decoding(tokens), 10 * step);
  }
  return timer;
}

/** Until when launches wait, found by asking as often as one is told to. */
function latest(timer: StepTimeEstimator, step: StepSize, hasPrompts: boolean, start: number): number {
  let now = start;
  for (let looks = 0, wait = timer.slack(step, hasPrompts, now); wait > 0; wait = timer.slack(step, hasPrompts, now)) {
    now += wait;
    assertLess(++looks, 20);
  }
  return now;
}

/** The shortest wait: the last bit of what is left. */
const BIT = 0.1;

test("a launch waits for what is left of the step in flight without the launch and a reserve", () => {
  assertAlmostEquals(latest(seasoned(), decoding(4), false, 100), 110 - 0.5 - 1, BIT);
  assertAlmostEquals(latest(seasoned(), decoding(4), false, 103), 110 - 0.5 - 1, BIT);
  assertEquals(seasoned().slack(decoding(4), false, 108.45), 0);
  assertEquals(seasoned().slack(decoding(4), false, 120), 0);
});

test("a launch looks whether the step is over before the end that is foretold, and more often towards it", () => {
  const timer = seasoned();
  const first = timer.slack(decoding(4), false, 100);
  assertAlmostEquals(first, 0.75 * 8.5, 1e-9);
  const second = timer.slack(decoding(4), false, 100 + first);
  assertAlmostEquals(second, 0.75 * (8.5 - first), 1e-9);
  assertAlmostEquals(timer.slack(decoding(4), false, 108.5 - 0.12), 0.1, 1e-9);
});

test("a launch expects no more of fewer tokens than their part, and no more of more", () => {
  assertAlmostEquals(latest(seasoned(4), decoding(3), false, 100), 107.5 - 0.5 - 0.75, BIT);
  assertAlmostEquals(latest(seasoned(4), decoding(9), false, 100), 110 - 0.5 - 1, BIT);
});

test("launches do not wait where steps are short", () => {
  for (const [duration, waits] of [[0.45, false], [0.55, true]] as const) {
    const timer = new StepTimeEstimator();
    for (let step = 0; step <= 10; step++) {
      timer.launched(launch(duration * step - 0.1, 0.01));
      timer.ended(decoding(4), duration * step);
    }
    assertEquals(timer.slack(decoding(4), false, duration * 10) > 0, waits);
  }
});

test("a launch foretells nothing of what it has not seen some times", () => {
  const timer = seasoned();
  // How long a prefill takes, and how long its launch does.
  assertEquals(timer.slack(PROMPT, false, 100), 0);
  assertEquals(timer.slack(decoding(4), true, 100), 0);
  for (let step = 0; step < 5; step++) {
    timer.launched(launch(130 + 40 * step, 1.5, "busy", { isPrefill: true }));
    timer.ended(PROMPT, 140 + 40 * step);
  }
  // The first of them followed upon a step of another kind, and took what it took all the same.
  assertAlmostEquals(latest(timer, PROMPT, false, 300), 340 - 0.5 - 4, BIT);
  assertAlmostEquals(latest(timer, decoding(4), true, 300), 310 - 1.5 - 1, BIT);
  const young = new StepTimeEstimator();
  for (let step = 0; step < 4; step++) {
    young.launched(launch(10 * step - 1, 0.5));
    young.ended(decoding(4), 10 * step);
  }
  assertEquals(young.slack(decoding(4), false, 30), 0);
});

test("a launch goes by the medians of the last steps and the last launches", () => {
  const timer = seasoned();
  // One that is short, and one that is long to launch: neither counts.
  timer.launched(launch(103, 3));
  timer.ended(decoding(4), 104);
  assertAlmostEquals(latest(timer, decoding(4), false, 104), 114 - 0.5 - 1, BIT);
  for (let step = 1; step <= 5; step++) {
    timer.launched(launch(103 + 20 * step, 1));
    timer.ended(decoding(4), 104 + 20 * step);
  }
  assertAlmostEquals(latest(timer, decoding(4), false, 204), 224 - 1 - 2, BIT);
});

test("the reserve grows when a launch that has waited came too late, and comes back slowly", () => {
  const timer = seasoned();
  assertAlmostEquals(latest(timer, decoding(4), false, 100), 108.5, BIT);
  timer.launched(launch(112, 0.5, "done"));
  timer.ended(decoding(4), 110);
  // The step that the device had to wait for began when it was launched.
  assertAlmostEquals(latest(timer, decoding(4), false, 112), 122 - 0.5 - 1.2, BIT);
  timer.ended(decoding(4), 122);
  timer.launched(launch(125, 0.5, "idle"));
  assertAlmostEquals(latest(timer, decoding(4), false, 125), 135 - 0.5 - 1.44, BIT);
  for (let step = 1; step <= 20; step++) {
    timer.launched(launch(124 + 10 * step, 0.5));
    timer.ended(decoding(4), 125 + 10 * step);
  }
  assertAlmostEquals(latest(timer, decoding(4), false, 325), 335 - 0.5 - 1, BIT);
});

for (const device of ["done", "idle"] as const) {
  /** Steps of 10 ms that are launched 2 ms too late. */
  const lateLaunches = (timer: StepTimeEstimator, count: number, hasWaited: boolean) => {
    for (let step = 1; step <= count; step++) {
      const end = 88 + 12 * step;
      if (device === "idle" && step > 1) timer.ended(decoding(4), end);
      timer.launched(launch(end + 2, 0.5, device, { hasWaited }));
      if (device === "done") timer.ended(decoding(4), end);
    }
  };

  test(`the reserve does not grow when a launch came too late that has not waited (${device})`, () => {
    const timer = seasoned();
    lateLaunches(timer, 9, false);
    assertAlmostEquals(latest(timer, decoding(4), false, 198), 208 - 0.5 - 1, BIT);
  });

  test(`the reserve has an end, however many launches came too late (${device})`, () => {
    const timer = seasoned();
    lateLaunches(timer, 100, true);
    assertAlmostEquals(latest(timer, decoding(4), false, 1290), 1300 - 0.5 - 8, BIT);
  });
}

test("launches do not wait where the dispatch of sampling, which then comes last, takes half a step", () => {
  const timer = seasoned();
  timer.dispatched(4.9);
  assertGreater(timer.slack(decoding(4), false, 100), 0);
  timer.dispatched(5.1);
  assertEquals(timer.slack(decoding(4), false, 100), 0);
  // With fewer tokens a step takes less.
  for (let step = 0; step < 8; step++) timer.dispatched(4);
  assertEquals(timer.slack(decoding(3), false, 100), 0);
  assertGreater(timer.slack(decoding(4), false, 100), 0);
});
