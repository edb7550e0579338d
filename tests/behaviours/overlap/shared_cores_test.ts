import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { test } from "node:test";
import { Engine, type StepReport } from "../../../mod.ts";
import { Random } from "../../ops/random.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import type { TokenScript } from "../../support/scripted/scripted_device.ts";
import { type ScriptedEngineSetUp, submission } from "../../support/scripted/scripted_engine.ts";
import {
  atOnce,
  cancel,
  deliveryOfToken,
  finishOf,
  momentsOf,
  runScript,
} from "../../support/scripted/scripted_run.ts";
import { withModelFolder } from "../../support/test_engine.ts";

// A device that computes on the cores of the loop, as the CPU library does.

/** Milliseconds of a forward pass, before they vary. */
const [DECODE, PREFILL] = [3, 12];

/** Microseconds of the launch of a decode step. */
const LAUNCH = 20;

/** Steps whose durations vary by half, so that no end can be foretold. */
function setUp(more: ScriptedEngineSetUp = {}): ScriptedEngineSetUp {
  const random = new Random(9);
  return {
    sharesCores: true,
    sendCost: 20,
    maxBatchRequests: 40,
    maxBatchTokens: 80,
    blocks: 2000,
    ...more,
    device: {
      durations: {
        forward: ({ isPrefill }) => (isPrefill ? PREFILL : DECODE) * random.integer(500, 1500),
        sampling: 100,
        copy: 10,
      },
      costs: { upbeat_graph_launch: LAUNCH, upbeat_sample: 5 },
      checks: "latest",
      ...more.device,
    },
  };
}

const running = (count: number, maxTokens: number) =>
  atOnce(Array.from({ length: count }, (_, index) => submission(index + 1, { prompt: 4, maxTokens })));

/** Moments all over some steps. */
const TIMES = Array.from({ length: 20 }, (_, index) => 120 + index * DECODE * 0.17);

test("a request is in the step behind the one in which it arrives, however long steps take", () => {
  for (const at of TIMES) {
    const newcomer = { at, message: submission(99, { prompt: 20, maxTokens: 3 }) };
    const run = runScript([...running(16, 80), newcomer], setUp());
    const chunk = momentsOf(run, 99, "chunk")[0]!;
    const next = run.engine.device.accounting.forwards.find(({ start }) => start > at)!;
    assertLess(chunk.time, next.start);
    assert(next.isPrefill);
  }
});

test("the device waits for the next launch, and for nothing else that the host does", () => {
  const [sendCost, rowCost, rows] = [100, 20, 16];
  /** Milliseconds per step. */
  const idle = (overlap: boolean) => {
    const { idleTime, forwardCount } = runScript(running(rows, 80), setUp({ overlap, sendCost, rowCost })).engine.device
      .accounting;
    return idleTime / forwardCount;
  };
  assertLess(idle(true), (1.5 * LAUNCH) / 1000);
  // In the plain loop for all the rows and the telling too.
  assertGreater(idle(false), (sendCost + rows * rowCost) / 1000);
});

test("sampling is dispatched behind the forward pass, before what the host does with the last step's tokens", () => {
  const device = { durations: { forward: 1000, sampling: 2000, copy: 10 } };
  const { idleTime, forwardCount } =
    runScript(running(16, 80), setUp({ device, rowCost: 80 })).engine.device.accounting;
  assertLess(idleTime / forwardCount, (1.5 * LAUNCH) / 1000);
});

test("short steps are launched before the last one ends all the same", () => {
  const device = { durations: { forward: 300, sampling: 50, copy: 10 } };
  const { gaps, forwards } = runScript(running(4, 80), setUp({ device })).engine.device.accounting;
  assertEquals(gaps.filter(({ from }) => from > forwards[8]!.start), []);
});

test("a first token leaves when it is known, before the next launch; later ones behind it", () => {
  const device = { costs: { upbeat_graph_launch: 300 } };
  const run = runScript([...running(4, 40), { at: 50, message: submission(99, { maxTokens: 9 }) }], setUp({ device }));
  const [first, second] = momentsOf(run, 99, "token");
  assertEquals(deliveryOfToken(run, 99, 0).emittedAt, first!.time);
  assertGreater(deliveryOfToken(run, 99, 1).emittedAt - second!.time, 0.29);
});

test("a first token that is not told early is told before the next launch all the same, with all of its step", () => {
  const device = { costs: { upbeat_graph_launch: 300 } };
  const script = [...running(4, 40), { at: 50, message: submission(99, { maxTokens: 9 }) }];
  const run = runScript(script, setUp({ device, earlyFirstToken: false }));
  const [first, second] = momentsOf(run, 99, "token");
  assertLess(deliveryOfToken(run, 99, 0).emittedAt - first!.time, 0.05);
  assertEquals(deliveryOfToken(run, 99, 0).updates.length, 5);
  assertGreater(deliveryOfToken(run, 99, 1).emittedAt - second!.time, 0.29);
});

test("who has ended is in no further step: nothing is computed that nobody sees", () => {
  const [eos, other] = [3, 1];
  const script: TokenScript = ({ promptTokens, outputTokens }) =>
    outputTokens.length === promptTokens.length ? eos : other;
  const request = (id: number) => submission(id, { prompt: 5 * id, maxTokens: 60, eosTokenIds: [eos] });
  const requests = atOnce([1, 2, 3].map(request));
  const wasted = [true, false].map((lateLaunch) => {
    const run = runScript(requests, setUp({ lateLaunch, device: { script } }));
    for (const id of [1, 2, 3]) assertEquals(finishOf(run, id).reason, "stop");
    return run.engine.counters.wastedSteps;
  });
  assertEquals(wasted, [0, 3]);
});

test("a token is known when its step is over, not when the next one is launched, or who comes next is admitted", () => {
  const device = { costs: { upbeat_graph_launch: 300, upbeat_copy_to_device: 300 } };
  const newcomer = { at: 50, message: submission(99) };
  const run = runScript([...running(4, 40), newcomer], setUp({ device, trackSteps: true }));
  const times = momentsOf(run, 1, "token").map(({ time }) => time);
  const { forwards } = run.engine.device.accounting;
  for (const [index, time] of times.entries()) {
    // Sampling, and the copy of its tokens.
    assertLess(time - forwards[index]!.end, 0.2);
  }
});

test("a cancel is heard at the end of the step that runs", () => {
  for (const at of TIMES) {
    const run = runScript([...running(2, 80), { at, message: cancel(1) }], setUp());
    const during = run.engine.device.accounting.forwards.find(({ end }) => end > at)!;
    assertLess(finishOf(run, 1).time, during.end + 0.5);
  }
});

test("a fault and a stall are told as such while a launch waits", () => {
  for (const [kind, code] of [["stall", "DEVICE_STALLED"], ["fault", "DEVICE_FAULT"]] as const) {
    const failures = [{ at: "upbeat_graph_launch", call: 20, kind }] as const;
    assertEquals(runScript(running(2, 80), setUp({ failures, stallTimeout: 500 })).error?.code, code);
  }
});

test("launches wait for ends on the CPU library, and not without late launches", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, {});
    for (const lateLaunch of [true, false]) {
      const reports: StepReport[] = [];
      await using engine = await Engine.load(folder, {
        device: "cpu",
        lateLaunch,
        onStep: (report) => reports.push(report),
      });
      await engine.generate([1, 2, 3], { maxTokens: 5, ignoreEos: true }).result;
      assertEquals(reports.length, 5);
      // Nothing is known of how long its steps take yet: later ones are too short to be waited for.
      assertEquals(reports.some(({ held }) => held > 0), lateLaunch);
    }
  });
});
