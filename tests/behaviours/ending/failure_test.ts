import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { clockOrigin } from "../../../engine/telemetry/clock.ts";
import { ExecutorThread } from "../../../engine/caller/executor_thread.ts";
import { resolveEngineOptions } from "../../../engine/config/engine_options.ts";
import { Engine, type LogEntry, UpbeatError } from "../../../mod.ts";
import {
  codeOf,
  count,
  ENDLESS,
  faulty,
  firstToken,
  NOTHING,
  only,
  points,
  standing,
  waiters,
  withFaultyLibrary,
} from "../../support/libraries/faulty_engine.ts";
import { runScript } from "../../support/run/run_script.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { submit } from "../../support/scripted/scripted_executor.ts";
import { withModelFolder } from "../../support/test_engine.ts";

faulty("a device that faults fails every request with the cause, wakes everyone, and is closed", async () => {
  await withFaultyLibrary(async (place) => {
    const engine = await place.load({ maxBatchRequests: 2 });
    const generations = [1, 2, 3].map((token) => engine.generate([token], ENDLESS));
    await firstToken(generations[0]!);
    const ends = generations.flatMap((generation) => waiters(engine, generation));
    place.library.mode = "fault";
    await Promise.allSettled(ends);
    for (const generation of generations) {
      const error = await assertRejects(() => generation.result, UpbeatError, "the caller asked for this fault");
      assertEquals(error.code, "DEVICE_FAULT");
      await assertRejects(() => generation.text().next().then(() => generation.result), UpbeatError);
    }
    assertEquals(standing(engine), NOTHING);
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
  const then = recovers ? "closed when it has finished after all" : "left open when it never finishes";
  faulty(`a device that stalls is reported at once, and ${then}`, async () => {
    await withFaultyLibrary(async (place) => {
      const { library } = place;
      const engine = await place.load();
      const generation = engine.generate([1], ENDLESS);
      await firstToken(generation);
      library.mode = "stall";
      // The thread waits for the device in its teardown meanwhile, until the mode changes.
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

/** What the engine's thread runs in, caught as the engine makes it. */
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

test("a thread that is killed fails every request, wakes everyone, and leaves nothing to dispose of", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    await withWorkers(async (workers) => {
      const entries: LogEntry[] = [];
      const engine = await Engine.load(folder, { onLog: (entry) => entries.push(entry) });
      const generation = engine.generate([1], ENDLESS);
      await firstToken(generation);
      const ends = waiters(engine, generation);
      for (const worker of workers) void worker.terminate();
      await Promise.allSettled(ends);
      const error = await assertRejects(() => generation.result, UpbeatError, "the executor's thread died");
      assertEquals(error.code, "ENGINE_FAILED");
      assertEquals(standing(engine), NOTHING);
      assertEquals(engine.stats().failed, 1);
      assertEquals(await codeOf(engine.generate([1]).result), "ENGINE_CLOSED");
      await engine.dispose();
      const { reason } = entries.find(({ point }) => point === "thread: nothing to end")!;
      assertEquals(reason, "the thread is already over");
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

const DYING_WORKER = new URL("../../support/dying_worker.ts", import.meta.url);

for (const [mode, reason] of [["exit", "it exited with code 3"], ["throw", "nobody catches this"]] as const) {
  // Deno writes what nobody catches to standard error as well.
  test(`a thread that dies while loading (${mode}) rejects with how, and can be ended`, async () => {
    const { thread } = startThread(mode, { module: DYING_WORKER });
    const error = await assertRejects(() => thread.ready, UpbeatError, reason);
    assertEquals(error.code, "ENGINE_FAILED");
    await thread.end({ drain: false, deadline: null, timeout: 60_000, grace: 60_000 });
  });
}

test("when requests fail with their executor, its thread keeps the process alive until the end is told", async () => {
  const { code, stdout, stderr } = await runScript(`
    import { ExecutorThread } from "./engine/caller/executor_thread.ts";
    const thread = new ExecutorThread({
      modelFolder: "fail", options: {}, clockOrigin: 0, onProgress: null, log: null, onLog: null,
      module: new URL(${JSON.stringify(DYING_WORKER.href)}),
    });
    // As an engine whose last request has ended.
    thread.onUpdates = ({ updates }) => { console.log(updates.length, "failed"); thread.holdOpen(false); };
    thread.onEnd = ({ code }) => console.log(code);
    // Not awaited: that keeps the process alive by itself.
    void thread.ready.then(() => thread.holdOpen(true));
  `);
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "1 failed\nDEVICE_FAULT\n", stderr: "" });
});

faulty(
  "a thread that the library holds is given up, its requests fail, and it still frees the device when it can",
  async () => {
    await withFaultyLibrary(async ({ folder, library }) => {
      const { thread, points, until } = startThread(folder, {
        options: resolveEngineOptions({ library: library.path }),
      });
      let ended: unknown = null;
      thread.onEnd = (error) => ended = error;
      let told = 0;
      thread.onUpdates = () => told++;
      await thread.ready;
      library.mode = "hold step";
      thread.post(submit(1, 3, 1000, { promptTokenIds: Int32Array.of(1, 2, 3) }));
      await library.until("hold step");
      await thread.end({ drain: false, deadline: null, timeout: 1, grace: 60_000 });
      const toldBefore = told;
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
      // Its requests have failed: what becomes of them in the thread is nobody's business.
      assertEquals(told, toldBefore);
    });
  },
);

test("a thread that hangs is given up, and terminated in the end", async () => {
  const { thread, points, until } = startThread("hang", { module: DYING_WORKER });
  const failure = assertRejects(() => thread.ready, UpbeatError, "given up");
  await thread.end({ drain: false, deadline: null, timeout: 1, grace: 1 });
  assertEquals((await failure).code, "ENGINE_FAILED");
  await until("thread: worker exit seen");
  assert(points().indexOf("thread: given up") < points().indexOf("thread: terminated"));
});
