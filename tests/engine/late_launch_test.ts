import { assert, assertAlmostEquals, assertEquals, assertGreater, assertLess } from "@std/assert";
import { test } from "node:test";
import { LaunchTimer } from "../../engine/launch_timer.ts";
import { Random } from "../ops/random.ts";
import { type ScriptedEngineSetUp, submission } from "../support/scripted_engine.ts";
import { atOnce, cancel, finishOf, momentsOf, runScript } from "../support/scripted_run.ts";

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
      return momentsOf(run, 99, "token")[0]!.time - at;
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

/** A timer that has seen steps of 10 ms, the last of which ended at 100. */
function seasoned(tokens = 4, cost = 0.5): LaunchTimer {
  const timer = new LaunchTimer();
  for (let step = 0; step <= 10; step++) {
    timer.launched(false, cost, false);
    timer.ended(decoding(tokens), 10 * step);
  }
  return timer;
}

test("slack() is what is left of the step in flight without the launch and a reserve", () => {
  assertAlmostEquals(seasoned().slack(decoding(4), false, 100), 10 - 0.5 - 2, 1e-9);
  assertAlmostEquals(seasoned().slack(decoding(4), false, 103), 7 - 0.5 - 2, 1e-9);
  assertEquals(seasoned().slack(decoding(4), false, 107.4), 0);
  assertEquals(seasoned().slack(decoding(4), false, 120), 0);
});

test("slack() expects no more of fewer tokens than their part, and no more of more", () => {
  assertAlmostEquals(seasoned(4).slack(decoding(3), false, 100), 7.5 - 0.5 - 1.5, 1e-9);
  assertAlmostEquals(seasoned(4).slack(decoding(9), false, 100), 10 - 0.5 - 2, 1e-9);
});

test("slack() foretells nothing of what it has not seen some times", () => {
  const timer = seasoned();
  // How long a prefill takes, and how long its launch does.
  assertEquals(timer.slack(PROMPT, false, 100), 0);
  assertEquals(timer.slack(decoding(4), true, 100), 0);
  for (let step = 0; step < 5; step++) {
    timer.launched(true, 1.5, false);
    timer.ended(PROMPT, 140 + 40 * step);
  }
  // The first of them followed upon a step of another kind, and took what it took all the same.
  assertAlmostEquals(timer.slack(PROMPT, false, 300), 40 - 0.5 - 8, 1e-9);
  assertAlmostEquals(timer.slack(decoding(4), true, 300), 10 - 1.5 - 2, 1e-9);
  const young = new LaunchTimer();
  for (let step = 0; step < 4; step++) {
    young.launched(false, 0.5, false);
    young.ended(decoding(4), 10 * step);
  }
  assertEquals(young.slack(decoding(4), false, 30), 0);
});

test("slack() goes by the shortest of the last steps and the longest of the last launches", () => {
  const timer = seasoned();
  timer.launched(false, 1.5, false);
  timer.ended(decoding(4), 108);
  assertAlmostEquals(timer.slack(decoding(4), false, 108), 8 - 1.5 - 1.6, 1e-9);
  for (let step = 0; step < 8; step++) {
    timer.launched(false, 0.5, false);
    timer.ended(decoding(4), 118 + 10 * step);
  }
  assertAlmostEquals(timer.slack(decoding(4), false, 188), 7.5, 0.1);
});

test("slack() shrinks when a launch came too late, and comes back slowly", () => {
  const timer = seasoned();
  const before = timer.slack(decoding(4), false, 100);
  timer.launched(false, 0.5, true);
  timer.ended(decoding(4), 110);
  const after = timer.slack(decoding(4), false, 110);
  assertAlmostEquals(before - after, 2, 1e-9);
  // The end of the step that the device had to wait for tells nothing of its duration.
  timer.launched(false, 0.5, false);
  timer.ended(decoding(4), 125);
  for (let step = 0; step < 50; step++) {
    timer.launched(false, 0.5, false);
    timer.ended(decoding(4), 135 + 10 * step);
  }
  assertGreater(timer.slack(decoding(4), false, 625), after);
  assertAlmostEquals(timer.slack(decoding(4), false, 625), before, 0.1);
});
