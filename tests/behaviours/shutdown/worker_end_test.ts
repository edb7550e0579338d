/** A worker of the program that has an engine, and is terminated, exits or throws, leaves no device open. */
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { assert, assertLessOrEqual } from "@std/assert";
import { openDevice } from "../../../ffi/device.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { withModelFolder } from "../../support/test_engine.ts";

const STATUS = "/proc/self/status";
const skip = !existsSync(STATUS);
// Deno does not end a nested worker that is inside Atomics.wait when the worker that started it is terminated.
const skipNested = skip || "Deno" in globalThis;

function threads(): number {
  return Number(readFileSync(STATUS, "utf8").match(/Threads:\s*(\d+)/)![1]);
}

/** Runs a worker until its first message and its end. */
async function runWorker(module: string, workerData: unknown, terminate: boolean): Promise<void> {
  const worker = new Worker(new URL(module, import.meta.url), { workerData });
  worker.on("error", () => {});
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  const first = await new Promise<unknown>((resolve) => worker.once("message", resolve));
  assert(first !== undefined);
  if (terminate) await worker.terminate();
  await exited;
}

/** Waits until the process has at most this many threads. */
async function assertThreads(most: number): Promise<void> {
  for (let round = 0; round < 200 && threads() > most; round++) await delay(25);
  assertLessOrEqual(threads(), most);
}

for (const end of ["busy", "idle", "exit", "throw"] as const) {
  test(`a worker with an engine that ends (${end}) leaves no thread of a device`, { skip: skipNested }, async () => {
    await withModelFolder(async (folder) => {
      writeRandomModel(folder, { tokenizer: true });
      const run = () => runWorker("./engine_in_worker.ts", { folder, end }, end === "busy" || end === "idle");
      for (let warm = 0; warm < 2; warm++) await run();
      await delay(200);
      const before = threads();
      for (let round = 0; round < 6; round++) await run();
      await assertThreads(before + 2);
    });
  });
}

test("a worker with a device that is terminated leaves no thread of it", { skip }, async () => {
  const run = () => runWorker("./device_in_worker.ts", null, true);
  for (let warm = 0; warm < 2; warm++) await run();
  await delay(200);
  const before = threads();
  for (let round = 0; round < 10; round++) await run();
  await assertThreads(before + 2);
  using device = openDevice({ threads: 1 });
  assert(device.usage().device === 0);
});
