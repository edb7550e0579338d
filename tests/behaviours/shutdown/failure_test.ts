import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { clockOrigin } from "../../../engine/telemetry/clock.ts";
import { ExecutorThread } from "../../../engine/caller/executor_thread.ts";
import { resolveEngineOptions } from "../../../engine/config/resolved_options.ts";
import { Engine, type LogEntry, UpbeatError } from "../../../mod.ts";
import {
  codeOf,
  consumeAll,
  count,
  ENDLESS,
  faulty,
  firstToken,
  IDLE,
  occupancy,
  only,
  points,
  withFaultyLibrary,
} from "../../support/libraries/faulty_engine.ts";
import { runScript } from "../../support/run/run_script.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { submit } from "../../support/scripted/scripted_executor.ts";
import { withModelFolder } from "../../support/test_engine.ts";

faulty("a device fault fails every request with its cause, ends all iterators, and closes the device", async () => {
  await withFaultyLibrary(async (place) => {
    const engine = await place.load({ maxBatchRequests: 2 });
    const generations = [1, 2, 3].map((token) => engine.generate([token], ENDLESS));
    await firstToken(generations[0]!);
    const ends = generations.flatMap((generation) => consumeAll(engine, generation));
    place.library.mode = "fault";
    await Promise.allSettled(ends);
    for (const generation of generations) {
      const error = await assertRejects(() => generation.result, UpbeatError, "the caller asked for this fault");
      assertEquals(error.code, "DEVICE_FAULT");
      await assertRejects(() => generation.text().next().then(() => generation.result), UpbeatError);
    }
    assertEquals(occupancy(engine), IDLE);
    assertEquals([engine.stats().failed, engine.stats().kvBlocks.total], [3, engine.info.kvBlocks]);
    const late = await assertRejects(() => engine.generate([1]).result, UpbeatError, "asked for this fault");
    assertEquals([late.code, late.details["failure"]], ["ENGINE_CLOSED", "DEVICE_FAULT"]);
    assertEquals((await engine.events().next()).done, true);
    await engine.dispose();
    assertEquals(place.library.calls.at(-1), "close");
    const last = points(place, "executor").slice(-4);
    assertEquals(last, [
      "worker: loop exit",
      "worker: device not synchronized",
      "worker: device closed",
      "worker: exit",
    ]);
    assertEquals(only(place, "worker: loop exit")["error"], "DEVICE_FAULT");
    assertEquals(only(place, "thread: executor over")["error"], "DEVICE_FAULT");
  });
});

for (const recovers of [true, false]) {
  const then = recovers ? "the device is closed once it finishes" : "the device is left open if it never finishes";
  faulty(`a stalled device is reported at once, and ${then}`, async () => {
    await withFaultyLibrary(async (place) => {
      const { library } = place;
      const engine = await place.load();
      const generation = engine.generate([1], ENDLESS);
      await firstToken(generation);
      library.mode = "stall";
      // Meanwhile, the thread's teardown waits for the device until the mode changes.
      assertEquals(await codeOf(generation.result), "DEVICE_STALLED");
      await library.until("stall");
      assertEquals(count(library.calls, "close"), 0);
      library.mode = recovers ? "run" : "stall for good";
      await engine.dispose();
      assertEquals(count(library.calls, "close"), recovers ? 1 : 0);
      const last = recovers
        ? ["worker: device synchronized, graphs released", "worker: device closed", "worker: exit"]
        : ["worker: device left open", "worker: exit"];
      assertEquals(points(place, "executor").slice(-last.length), last);
      assertEquals(points(place, "caller").filter((point) => point === "thread: given up"), []);
    });
  });
}

/** Collects the workers that engines start. */
async function withWorkers(use: (workers: Set<Worker>) => Promise<void>): Promise<void> {
  const workers = new Set<Worker>();
  const { on } = Worker.prototype;
  Worker.prototype.on = function (this: Worker, ...parameters: Parameters<typeof on>) {
    workers.add(this);
    return on.apply(this, parameters);
  } as typeof on;
  try {
    await use(workers);
  } finally {
    Worker.prototype.on = on;
  }
}

test("killing the executor's thread fails every request, ends all iterators, and leaves nothing to dispose", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    await withWorkers(async (workers) => {
      const entries: LogEntry[] = [];
      const engine = await Engine.load(folder, { onLog: (entry) => entries.push(entry) });
      const generation = engine.generate([1], ENDLESS);
      await firstToken(generation);
      const ends = consumeAll(engine, generation);
      for (const worker of workers) void worker.terminate();
      await Promise.allSettled(ends);
      const error = await assertRejects(() => generation.result, UpbeatError, "the executor's thread died");
      assertEquals(error.code, "ENGINE_FAILED");
      assertEquals(occupancy(engine), IDLE);
      assertEquals(engine.stats().failed, 1);
      assertEquals(await codeOf(engine.generate([1]).result), "ENGINE_CLOSED");
      await engine.dispose();
      const { reason } = entries.find(({ point }) => point === "thread: nothing to end")!;
      assertEquals(reason, "the thread has already ended");
    });
  });
});

function startThread(folder: string, more: Partial<ConstructorParameters<typeof ExecutorThread>[0]> = {}) {
  const entries: LogEntry[] = [];
  const log = (point: string, fields = {}) => void entries.push({ time: 0, thread: "caller", point, ...fields });
  const thread = new ExecutorThread({
    modelFolder: folder,
    options: resolveEngineOptions({}),
    clockOrigin: clockOrigin(),
    onProgress: null,
    onLog: null,
    log,
    ...more,
  });
  const points = () => entries.map(({ point }) => point);
  const until = async (point: string) => {
    while (!points().includes(point)) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  return { thread, points, until };
}

const DYING_WORKER = new URL("../../support/workers/dying_worker.ts", import.meta.url);

for (const [mode, reason] of [["exit", "it exited with code 3"], ["throw", "uncaught error"]] as const) {
  // Deno also writes uncaught errors to standard error.
  test(`a thread that dies while loading (${mode}) rejects with the cause, and can be ended`, async () => {
    const { thread } = startThread(mode, { module: DYING_WORKER });
    const error = await assertRejects(() => thread.ready, UpbeatError, reason);
    assertEquals(error.code, "ENGINE_FAILED");
    await thread.end({ drain: false, deadline: null, timeout: 60_000, grace: 60_000 });
  });
}

test("a failing executor keeps the process alive until its error is delivered", async () => {
  const { code, stdout, stderr } = await runScript(`
    import { ExecutorThread } from "./engine/caller/executor_thread.ts";
    const thread = new ExecutorThread({
      modelFolder: "fail", options: {}, clockOrigin: 0, onProgress: null, log: null, onLog: null,
      module: new URL(${JSON.stringify(DYING_WORKER.href)}),
    });
    // Like an engine whose last request has ended.
    const onEvent = ({ type }) => { console.log(type); thread.holdOpen(false); };
    thread.sink = { beginOutput: () => {}, request: () => ({ onEvent }), endOutput: () => {} };
    thread.onEnd = ({ code }) => console.log(code);
    // Not awaited: that alone would keep the process alive.
    void thread.ready.then(() => thread.holdOpen(true));
  `);
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "ERROR_NONTRANSIENT\nDEVICE_FAULT\n", stderr: "" });
});

faulty(
  "a thread that is stuck in the library is abandoned: its requests fail, and it frees the device when the call returns",
  async () => {
    await withFaultyLibrary(async ({ folder, library }) => {
      const { thread, points, until } = startThread(folder, {
        options: resolveEngineOptions({ library: library.path }),
      });
      let ended: unknown = null;
      thread.onEnd = (error) => ended = error;
      let updates = 0;
      const count = () => void updates++;
      thread.sink = { beginOutput: count, request: () => undefined, endOutput: count };
      await thread.ready;
      library.mode = "hold step";
      thread.post(submit(1, 3, 1000, { promptTokenIds: Int32Array.of(1, 2, 3) }));
      await library.until("hold step");
      await thread.end({ drain: false, deadline: null, timeout: 1, grace: 60_000 });
      const updatesBefore = updates;
      assert(ended instanceof UpbeatError && ended.code === "ENGINE_FAILED");
      assertStringIncludes(ended.message, "given up");
      library.mode = "run";
      await library.until("close");
      await until("thread: worker exit seen");
      assertEquals(points(), [
        "thread: shutdown message posted",
        "thread: given up",
        "thread: executor over",
        "thread: worker exit seen",
      ]);
      // Its requests have already failed: later updates from the thread are dropped.
      assertEquals(updates, updatesBefore);
    });
  },
);

test("a thread that hangs is abandoned, and terminated after the grace period", async () => {
  const { thread, points, until } = startThread("hang", { module: DYING_WORKER });
  const failure = assertRejects(() => thread.ready, UpbeatError, "given up");
  await thread.end({ drain: false, deadline: null, timeout: 1, grace: 1 });
  assertEquals((await failure).code, "ENGINE_FAILED");
  await until("thread: worker exit seen");
  assert(points().indexOf("thread: given up") < points().indexOf("thread: terminated"));
});
