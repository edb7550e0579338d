import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "node:test";
import { type SymbolName, SYMBOLS } from "../../../ffi/abi.ts";
import { CommandQueue } from "../../../engine/executor/command_queue.ts";
import { RequestTable } from "../../../engine/executor/request_table.ts";
import type { InboxMessage } from "../../../engine/channel/messages.ts";
import type { ScriptedFailure } from "../../support/scripted/scripted_device.ts";
import { type ScriptedArrival, type ScriptedEngineSetUp, submission } from "../../support/scripted/scripted_engine.ts";
import {
  ALL_MODES,
  atOnce,
  cancel,
  chunksOf,
  finishOf,
  MODES,
  runScript,
  shutdown,
} from "../../support/scripted/scripted_run.ts";

/** Two run, one of them with a prompt in pieces, and two wait. */
const REQUESTS = [
  submission(1, { prompt: 9, maxTokens: 5 }),
  submission(2, { prompt: 3, maxTokens: 7, sampling: { logprobs: 1 } }),
  submission(3, { prompt: 6, maxTokens: 3 }),
  submission(4, { maxTokens: 4 }),
];

const SET_UP: ScriptedEngineSetUp = {
  device: {
    durations: { forward: 1000, sampling: 100, copy: 10 },
    costs: { upbeat_sample: 200, upbeat_event_query: 1 },
  },
  maxBatchTokens: 4,
  maxBatchRequests: 2,
  sendCost: 20,
};

/** The script with which everything ends by itself. */
const START = atOnce(REQUESTS);
/** Forward passes that it takes, at most. */
const STEPS = 18;

/** Stop at each step, from before the first to behind the last one: waiting, prefilling, decoding, idle. */
function* stops(message: InboxMessage, ...later: ScriptedArrival[]): Generator<[number, ScriptedArrival[]]> {
  for (let forwards = 0; forwards <= STEPS; forwards++) yield [forwards, [...START, { forwards, message }, ...later]];
}

test("a shutdown at any step cancels everything, launches nothing more, and waits for nobody", async () => {
  for (const mode of ALL_MODES) {
    const { forwardCount: all } = runScript(START, { ...SET_UP, ...MODES[mode] }).engine.device.accounting;
    assert(all < STEPS);
    for (const [forwards, script] of stops(shutdown(false))) {
      const run = runScript(script, { ...SET_UP, ...MODES[mode] });
      assertEquals(run.error, null);
      assertEquals(run.engine.device.accounting.forwardCount, Math.min(forwards, all));
      for (const { id, maxTokens } of REQUESTS) {
        const isWhole = run.engine.tokens(id).length === maxTokens;
        assertEquals(finishOf(run, id).reason, isWhole ? "length" : "cancelled");
        assertEquals((await chunksOf(run, id)).at(-1)!.finishReason, finishOf(run, id).reason);
      }
    }
  }
});

test("a shutdown that drains at any step lets everything end first", () => {
  for (const mode of ALL_MODES) {
    for (const [, script] of stops(shutdown(true))) {
      const run = runScript(script, { ...SET_UP, ...MODES[mode] });
      for (const { id } of REQUESTS) assertEquals(finishOf(run, id).reason, "length");
    }
  }
});

test("a shutdown that drains ends at its deadline, within the steps that are in flight", () => {
  for (const mode of ALL_MODES) {
    for (let deadline = 0; deadline < 16; deadline += 0.7) {
      const run = runScript([...START, { at: 1, message: shutdown(true, deadline) }], { ...SET_UP, ...MODES[mode] });
      const reasons = REQUESTS.map(({ id }) => finishOf(run, id).reason);
      if (deadline < 3) assert(reasons.includes("cancelled"));
      assert(run.engine.device.now() < Math.max(deadline, 1) + 4, `${run.engine.device.now()} for ${deadline}`);
    }
  }
});

test("a second shutdown hurries one that drains, and changes nothing otherwise", () => {
  for (const mode of ALL_MODES) {
    for (const [forwards, hurried] of stops(shutdown(true), { forwards: 6, message: shutdown(false) })) {
      const run = runScript(hurried, { ...SET_UP, ...MODES[mode] });
      assert(run.engine.device.accounting.forwardCount <= Math.max(forwards, 6));
    }
    for (const second of [shutdown(false), shutdown(true), shutdown(true, 3)]) {
      for (
        const [, script] of stops(shutdown(false), { forwards: 0, message: second }, { forwards: 9, message: second })
      ) {
        assertEquals(runScript(script, { ...SET_UP, ...MODES[mode] }).error, null);
      }
    }
  }
});

test("a shutdown of an engine with nothing to do ends it at once, before, between and behind requests", () => {
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
      const { engine } = runScript(script, { ...SET_UP, ...MODES[mode] });
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

test("cancels and a shutdown may come together", () => {
  for (const mode of ALL_MODES) {
    for (
      const [, script] of stops(cancel(2), { forwards: 4, message: shutdown(false) }, {
        forwards: 4,
        message: cancel(1),
      })
    ) {
      runScript(script, { ...SET_UP, ...MODES[mode] });
    }
  }
});

// ---- Failures --------------------------------------------------------------------------------------------------------

/** Which functions a healthy run calls, and how often. */
function callsOf(setUp: ScriptedEngineSetUp): [SymbolName, number][] {
  const { accounting } = runScript(START, setUp).engine.device;
  const names = Object.keys(SYMBOLS) as SymbolName[];
  return names.map((name): [SymbolName, number] => [name, accounting.calls(name)]).filter(([, calls]) => calls > 0);
}

/** What the loop and each of its requests came to. */
function runBroken(failure: ScriptedFailure, setUp: ScriptedEngineSetUp) {
  const run = runScript(START, { ...setUp, failures: [failure], stallTimeout: 500 });
  // All of them had arrived, and the run has checked that each one that failed did so once, with the loop's own error.
  for (const { id } of REQUESTS) assert(run.engine.events(id).length > 0);
  return run;
}

test("a call that fails, whichever and whenever, fails what is live with its own error", () => {
  for (const mode of ALL_MODES) {
    const setUp = { ...SET_UP, ...MODES[mode] };
    for (const [name, calls] of callsOf(setUp)) {
      // These close the device, when the loop is over.
      if (/_(free|destroy|close|synchronize)$/.test(name)) continue;
      for (const call of new Set([1, 2, Math.ceil(calls / 3), Math.ceil(calls / 2), calls])) {
        if (call > calls) continue;
        const { error } = runBroken({ at: name, call, kind: "error" }, setUp);
        assertEquals(error?.code, "DEVICE_FAULT", `${name} ${call}`);
        // A call that is in a graph fails with the graph's launch.
        assertMatch(error!.message, /^upbeat_\w+: the script refuses this (call|work)/);
      }
    }
  }
});

test("work that breaks or never ends, at any step, is told as such", () => {
  for (const mode of ALL_MODES) {
    const setUp = { ...SET_UP, ...MODES[mode] };
    for (const [at, calls] of [["forward", 9], ["sampling", 8], ["copy", 20], ["wait", 8]] as const) {
      for (let call = 1; call <= calls; call++) {
        assertEquals(runBroken({ at, call, kind: "fault" }, setUp).error?.code, "DEVICE_FAULT", `${at} ${call}`);
        const stalled = runBroken({ at, call, kind: "stall" }, setUp);
        assertEquals(stalled.error?.code, "DEVICE_STALLED", `${at} ${call}`);
        // No sooner than it is told to wait, and not much later.
        const { forwards } = stalled.engine.device.accounting;
        const now = stalled.engine.device.now();
        assert(now >= 500 && now < forwards.length * 3 + 500, String(now));
      }
    }
  }
});

test("tokens that were held back are told before their request fails", () => {
  for (const mode of ALL_MODES) {
    for (let call = 1; call < 10; call++) {
      const [single, held] = [1, 100].map((streamInterval) => {
        return runBroken({ at: "wait", call, kind: "fault" }, { ...SET_UP, ...MODES[mode], streamInterval });
      });
      for (const { id } of REQUESTS) assertEquals(held!.engine.tokens(id), single!.engine.tokens(id));
    }
  }
});

test("an engine that failed leaves nothing behind, and another one runs", () => {
  for (const mode of ALL_MODES) {
    for (const kind of ["fault", "stall", "error"] as const) {
      // Each run checks that its device holds nothing in the end.
      assert(runBroken({ at: "forward", call: 5, kind }, { ...SET_UP, ...MODES[mode] }).error !== null);
      assertEquals(runScript(START, { ...SET_UP, ...MODES[mode] }).error, null);
    }
  }
});
