import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "node:test";
import { type SymbolName, SYMBOLS } from "../../../ffi/abi.ts";
import { CommandQueue } from "../../../engine/executor/command_queue.ts";
import { RequestTable } from "../../../engine/executor/request_table.ts";
import type { InboxMessage } from "../../../engine/channel/messages.ts";
import type { ScriptedFailure } from "../../support/scripted/scripted_device.ts";
import { type ScriptedArrival, type ScriptedEngineSetup, submission } from "../../support/scripted/scripted_engine.ts";
import {
  ALL_MODES,
  allAtStart,
  cancel,
  chunksOf,
  finishOf,
  MODES,
  runScript,
  shutdown,
} from "../../support/scripted/scripted_run.ts";

/** Two requests that run, one of them with a chunked prompt, and two that wait. */
const REQUESTS = [
  submission(1, { prompt: 9, maxTokens: 5 }),
  submission(2, { prompt: 3, maxTokens: 7, sampling: { logprobs: 1 } }),
  submission(3, { prompt: 6, maxTokens: 3 }),
  submission(4, { maxTokens: 4 }),
];

const SETUP: ScriptedEngineSetup = {
  device: {
    durations: { forward: 1000, sampling: 100, copy: 10 },
    costs: { upbeat_sample: 200, upbeat_event_query: 1 },
  },
  maxBatchTokens: 4,
  maxBatchRequests: 2,
  sendCost: 20,
};

/** A script in which every request completes. */
const START = allAtStart(REQUESTS);
/** Upper bound on its forward passes. */
const STEPS = 18;

/** Scripts with a message at each step, from before the first one to after the last one. */
function* stops(message: InboxMessage, ...later: ScriptedArrival[]): Generator<[number, ScriptedArrival[]]> {
  for (let forwards = 0; forwards <= STEPS; forwards++) yield [forwards, [...START, { forwards, message }, ...later]];
}

test("a shutdown at any step cancels all requests and launches no further step", async () => {
  for (const mode of ALL_MODES) {
    const { forwardCount: all } = runScript(START, { ...SETUP, ...MODES[mode] }).engine.device.accounting;
    assert(all < STEPS);
    for (const [forwards, script] of stops(shutdown(false))) {
      const run = runScript(script, { ...SETUP, ...MODES[mode] });
      assertEquals(run.error, null);
      assertEquals(run.engine.device.accounting.forwardCount, Math.min(forwards, all));
      for (const { id, maxTokens } of REQUESTS) {
        const isComplete = run.engine.tokens(id).length === maxTokens;
        assertEquals(finishOf(run, id).reason, isComplete ? "length" : "cancelled");
        assertEquals((await chunksOf(run, id)).at(-1)!.finishReason, finishOf(run, id).reason);
      }
    }
  }
});

test("a draining shutdown at any step completes all requests", () => {
  for (const mode of ALL_MODES) {
    for (const [, script] of stops(shutdown(true))) {
      const run = runScript(script, { ...SETUP, ...MODES[mode] });
      for (const { id } of REQUESTS) assertEquals(finishOf(run, id).reason, "length");
    }
  }
});

test("a draining shutdown ends at its deadline, once the steps in flight have ended", () => {
  for (const mode of ALL_MODES) {
    for (let deadline = 0; deadline < 16; deadline += 0.7) {
      const run = runScript([...START, { at: 1, message: shutdown(true, deadline) }], { ...SETUP, ...MODES[mode] });
      const reasons = REQUESTS.map(({ id }) => finishOf(run, id).reason);
      if (deadline < 3) assert(reasons.includes("cancelled"));
      assert(run.engine.device.now() < Math.max(deadline, 1) + 4, `${run.engine.device.now()} for ${deadline}`);
    }
  }
});

test("a second shutdown ends a draining one, and has no effect otherwise", () => {
  for (const mode of ALL_MODES) {
    for (const [forwards, script] of stops(shutdown(true), { forwards: 6, message: shutdown(false) })) {
      const run = runScript(script, { ...SETUP, ...MODES[mode] });
      assert(run.engine.device.accounting.forwardCount <= Math.max(forwards, 6));
    }
    for (const second of [shutdown(false), shutdown(true), shutdown(true, 3)]) {
      for (
        const [, script] of stops(shutdown(false), { forwards: 0, message: second }, { forwards: 9, message: second })
      ) {
        assertEquals(runScript(script, { ...SETUP, ...MODES[mode] }).error, null);
      }
    }
  }
});

test("a shutdown of an idle engine ends it at once, with or without earlier requests", () => {
  const idle: readonly ScriptedArrival[][] = [
    [],
    [{ at: 5, message: shutdown(false) }],
    [{ at: 5, message: shutdown(true) }],
    [{ at: 5, message: shutdown(true, 1000) }, { at: 6, message: shutdown(false) }],
    [...START, { at: 300, message: shutdown(true, 1000) }],
    [...START, { at: 300, message: shutdown(false) }, { at: 300, message: shutdown(false) }],
  ];
  for (const mode of ALL_MODES) {
    for (const script of idle) {
      const { engine } = runScript(script, { ...SETUP, ...MODES[mode] });
      const last = script.at(-1);
      if (last !== undefined && "at" in last) assert(engine.device.now() <= last.at);
    }
  }
});

test("wait() blocks before a shutdown, and returns at once after it", () => {
  let waits = 0;
  const messages = [shutdown(true)];
  const source = { receive: () => messages.shift() ?? null, waitForMessage: () => void waits++ };
  const commands = new CommandQueue({
    source,
    requests: new RequestTable(),
    onSubmit: () => {},
    now: () => 0,
    log: null,
  });
  commands.wait();
  commands.drain();
  commands.wait();
  assertEquals([waits, commands.isShutDown], [1, true]);
});

test("cancels may cross a shutdown", () => {
  for (const mode of ALL_MODES) {
    for (
      const [, script] of stops(cancel(2), { forwards: 4, message: shutdown(false) }, {
        forwards: 4,
        message: cancel(1),
      })
    ) {
      runScript(script, { ...SETUP, ...MODES[mode] });
    }
  }
});

// ---- Failures --------------------------------------------------------------------------------------------------------

/** The functions that a run without failures calls, and how often. */
function callsOf(setup: ScriptedEngineSetup): [SymbolName, number][] {
  const { accounting } = runScript(START, setup).engine.device;
  const names = Object.keys(SYMBOLS) as SymbolName[];
  return names.map((name): [SymbolName, number] => [name, accounting.calls(name)]).filter(([, calls]) => calls > 0);
}

/** Runs the script with a failure. */
function runWithFailure(failure: ScriptedFailure, setup: ScriptedEngineSetup) {
  const run = runScript(START, { ...setup, failures: [failure], stallTimeout: 500 });
  // All requests had arrived; runScript() has checked that the failed ones failed once, with the loop's error.
  for (const { id } of REQUESTS) assert(run.engine.events(id).length > 0);
  return run;
}

test("any failing call fails the live requests with its own error", () => {
  for (const mode of ALL_MODES) {
    const setup = { ...SETUP, ...MODES[mode] };
    for (const [name, calls] of callsOf(setup)) {
      // These are called when the device is closed, after the loop.
      if (/_(free|destroy|close|synchronize)$/.test(name)) continue;
      for (const call of new Set([1, 2, Math.ceil(calls / 3), Math.ceil(calls / 2), calls])) {
        if (call > calls) continue;
        const { error } = runWithFailure({ at: name, call, kind: "error" }, setup);
        assertEquals(error?.code, "DEVICE_FAULT", `${name} ${call}`);
        // A captured call fails at the launch of its graph.
        assertMatch(error!.message, /^the script refuses this (call|work)/);
        assertMatch(String(error!.details["function"]), /^upbeat_\w+$/);
      }
    }
  }
});

test("a fault or a stall at any step fails the loop with its code", () => {
  for (const mode of ALL_MODES) {
    const setup = { ...SETUP, ...MODES[mode] };
    for (const [at, calls] of [["forward", 9], ["sampling", 8], ["copy", 20], ["wait", 8]] as const) {
      for (let call = 1; call <= calls; call++) {
        assertEquals(runWithFailure({ at, call, kind: "fault" }, setup).error?.code, "DEVICE_FAULT", `${at} ${call}`);
        const stalled = runWithFailure({ at, call, kind: "stall" }, setup);
        assertEquals(stalled.error?.code, "DEVICE_STALLED", `${at} ${call}`);
        // Not before the stall timeout, and not much later.
        const { forwards } = stalled.engine.device.accounting;
        const now = stalled.engine.device.now();
        assert(now >= 500 && now < forwards.length * 3 + 500, String(now));
      }
    }
  }
});

test("buffered tokens are emitted before their request fails", () => {
  for (const mode of ALL_MODES) {
    for (let call = 1; call < 10; call++) {
      const [unbuffered, buffered] = [1, 100].map((streamInterval) => {
        return runWithFailure({ at: "wait", call, kind: "fault" }, { ...SETUP, ...MODES[mode], streamInterval });
      });
      for (const { id } of REQUESTS) assertEquals(buffered!.engine.tokens(id), unbuffered!.engine.tokens(id));
    }
  }
});

test("a failed engine leaks nothing, and another one runs", () => {
  for (const mode of ALL_MODES) {
    for (const kind of ["fault", "stall", "error"] as const) {
      // runScript() checks that all of the device's resources are freed.
      assert(runWithFailure({ at: "forward", call: 5, kind }, { ...SETUP, ...MODES[mode] }).error !== null);
      assertEquals(runScript(START, { ...SETUP, ...MODES[mode] }).error, null);
    }
  }
});
