import { assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { test } from "node:test";
import { type Launch, type StepSize, StepTimeEstimator } from "../../../engine/executor/step_time_estimator.ts";

const PREFILL: StepSize = { isPrefill: true, tokens: 64 };
const decode = (tokens: number): StepSize => ({ isPrefill: false, tokens });

/** A delayed decode launch that took `cost` milliseconds and returned at `end`, unless `overrides` say otherwise. */
function launch(end: number, cost: number, overrides: Partial<Launch> = {}): Launch {
  return { isPrefill: false, start: end - cost, end, device: "busy", hasWaited: true, ...overrides };
}

/** An estimator that has seen decode steps of 10 ms, the last of which ended at 100. */
function trained(tokens = 4, cost = 0.5): StepTimeEstimator {
  const estimator = new StepTimeEstimator();
  for (let step = 0; step <= 10; step++) {
    estimator.launched(launch(10 * step - 1, cost));
    estimator.ended(decode(tokens), 10 * step);
  }
  return estimator;
}

/** When the next step is launched by a loop that waits for as long as slack() allows. */
function launchTime(estimator: StepTimeEstimator, step: StepSize, hasPrompts: boolean, start: number): number {
  let now = start;
  for (let waits = 0; waits < 20; waits++) {
    const slack = estimator.slack(step, hasPrompts, now);
    if (slack === 0) return now;
    now += slack;
  }
  throw new Error("slack() never reaches 0");
}

/** A launch time is exact to the shortest wait. */
const TOLERANCE = 0.1;

test("slack() is the rest of the step in flight minus the launch and a reserve", () => {
  assertAlmostEquals(launchTime(trained(), decode(4), false, 100), 110 - 0.5 - 1, TOLERANCE);
  assertAlmostEquals(launchTime(trained(), decode(4), false, 103), 110 - 0.5 - 1, TOLERANCE);
  assertEquals(trained().slack(decode(4), false, 108.45), 0);
  assertEquals(trained().slack(decode(4), false, 120), 0);
});

test("slack() covers three quarters of the remaining delay, and no less than the shortest wait", () => {
  const estimator = trained();
  const first = estimator.slack(decode(4), false, 100);
  assertAlmostEquals(first, 0.75 * 8.5, 1e-9);
  const second = estimator.slack(decode(4), false, 100 + first);
  assertAlmostEquals(second, 0.75 * (8.5 - first), 1e-9);
  assertAlmostEquals(estimator.slack(decode(4), false, 108.5 - 0.12), 0.1, 1e-9);
});

test("slack() scales the duration down for steps with fewer tokens, and never up", () => {
  assertAlmostEquals(launchTime(trained(4), decode(3), false, 100), 107.5 - 0.5 - 0.75, TOLERANCE);
  assertAlmostEquals(launchTime(trained(4), decode(9), false, 100), 110 - 0.5 - 1, TOLERANCE);
});

test("slack() is 0 when steps are short", () => {
  for (const [duration, waits] of [[0.45, false], [0.55, true]] as const) {
    const estimator = new StepTimeEstimator();
    for (let step = 0; step <= 10; step++) {
      estimator.launched(launch(duration * step - 0.1, 0.01));
      estimator.ended(decode(4), duration * step);
    }
    assertEquals(estimator.slack(decode(4), false, duration * 10) > 0, waits);
  }
});

test("slack() is 0 until enough steps and launches of each kind have been seen", () => {
  const estimator = trained();
  // Neither the duration of a prefill nor the cost of its launch is known.
  assertEquals(estimator.slack(PREFILL, false, 100), 0);
  assertEquals(estimator.slack(decode(4), true, 100), 0);
  for (let step = 0; step < 5; step++) {
    estimator.launched(launch(130 + 40 * step, 1.5, { isPrefill: true }));
    estimator.ended(PREFILL, 140 + 40 * step);
  }
  // The first prefill followed a decode step, which does not change its duration.
  assertAlmostEquals(launchTime(estimator, PREFILL, false, 300), 340 - 0.5 - 4, TOLERANCE);
  assertAlmostEquals(launchTime(estimator, decode(4), true, 300), 310 - 1.5 - 1, TOLERANCE);
  const untrained = new StepTimeEstimator();
  for (let step = 0; step < 4; step++) {
    untrained.launched(launch(10 * step - 1, 0.5));
    untrained.ended(decode(4), 10 * step);
  }
  assertEquals(untrained.slack(decode(4), false, 30), 0);
});

test("slack() uses the medians of recent steps and launches", () => {
  const estimator = trained();
  // Outliers, a short step and a long launch, do not count.
  estimator.launched(launch(103, 3));
  estimator.ended(decode(4), 104);
  assertAlmostEquals(launchTime(estimator, decode(4), false, 104), 114 - 0.5 - 1, TOLERANCE);
  for (let step = 1; step <= 5; step++) {
    estimator.launched(launch(103 + 20 * step, 1));
    estimator.ended(decode(4), 104 + 20 * step);
  }
  assertAlmostEquals(launchTime(estimator, decode(4), false, 204), 224 - 1 - 2, TOLERANCE);
});

test("launched() raises the reserve when a delayed launch was late, and timely ones lower it slowly", () => {
  const estimator = trained();
  assertAlmostEquals(launchTime(estimator, decode(4), false, 100), 108.5, TOLERANCE);
  estimator.launched(launch(112, 0.5, { device: "done" }));
  estimator.ended(decode(4), 110);
  // The device had to wait for the step, which began at its launch.
  assertAlmostEquals(launchTime(estimator, decode(4), false, 112), 122 - 0.5 - 1.2, TOLERANCE);
  estimator.ended(decode(4), 122);
  estimator.launched(launch(125, 0.5, { device: "idle" }));
  assertAlmostEquals(launchTime(estimator, decode(4), false, 125), 135 - 0.5 - 1.44, TOLERANCE);
  for (let step = 1; step <= 20; step++) {
    estimator.launched(launch(124 + 10 * step, 0.5));
    estimator.ended(decode(4), 125 + 10 * step);
  }
  assertAlmostEquals(launchTime(estimator, decode(4), false, 325), 335 - 0.5 - 1, TOLERANCE);
});

for (const device of ["done", "idle"] as const) {
  /** Steps of 10 ms, each launched 2 ms late. */
  const lateLaunches = (estimator: StepTimeEstimator, count: number, hasWaited: boolean) => {
    for (let step = 1; step <= count; step++) {
      const end = 88 + 12 * step;
      if (device === "idle" && step > 1) estimator.ended(decode(4), end);
      estimator.launched(launch(end + 2, 0.5, { device, hasWaited }));
      if (device === "done") estimator.ended(decode(4), end);
    }
  };

  test(`launched() keeps the reserve when a late launch was not delayed (${device})`, () => {
    const estimator = trained();
    lateLaunches(estimator, 9, false);
    assertAlmostEquals(launchTime(estimator, decode(4), false, 198), 208 - 0.5 - 1, TOLERANCE);
  });

  test(`launched() limits the reserve when many launches were late (${device})`, () => {
    const estimator = trained();
    lateLaunches(estimator, 100, true);
    assertAlmostEquals(launchTime(estimator, decode(4), false, 1290), 1300 - 0.5 - 8, TOLERANCE);
  });
}

test("slack() is 0 when the dispatch of sampling takes half a step", () => {
  const estimator = trained();
  estimator.dispatched(4.9);
  assertGreater(estimator.slack(decode(4), false, 100), 0);
  estimator.dispatched(5.1);
  assertEquals(estimator.slack(decode(4), false, 100), 0);
  // A step with fewer tokens is shorter.
  for (let step = 0; step < 8; step++) estimator.dispatched(4);
  assertEquals(estimator.slack(decode(3), false, 100), 0);
  assertGreater(estimator.slack(decode(4), false, 100), 0);
});
