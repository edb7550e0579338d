/** An engine that is dropped without a disposal is closed when it is collected; live generations keep it. */
import { assert, assertEquals } from "@std/assert";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { Engine, type Generation, type LogEntry } from "../../../mod.ts";
import { collectGarbage } from "../../support/heap.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { withModelFolder } from "../../support/test_engine.ts";

/** Loads an engine, uses it, and drops it. In a function of its own, so that no variable keeps it. */
async function dropEngine(folder: string, ended: () => void): Promise<void> {
  const onLog = ({ point }: LogEntry) => {
    if (point === "thread: worker exit seen") ended();
  };
  const engine = await Engine.load(folder, { threads: 1, onLog });
  const { tokenIds } = await engine.generate([5, 6], { maxTokens: 2, ignoreEos: true }).result;
  assertEquals(tokenIds.length, 2);
  const cancelled = engine.generate([5, 6], { maxTokens: 500, ignoreEos: true });
  cancelled.cancel();
  await cancelled.result;
}

async function dropWhileRunning(folder: string, ended: () => void): Promise<Generation["result"][]> {
  const onLog = ({ point }: LogEntry) => {
    if (point === "thread: worker exit seen") ended();
  };
  const engine = await Engine.load(folder, { threads: 1, onLog });
  return [1900, 1000].map((maxTokens) => engine.generate([5, 6], { maxTokens, ignoreEos: true }).result);
}

test("engines that are dropped without a disposal are closed once they are collected", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const COUNT = 4;
    let ended = 0;
    for (let index = 0; index < COUNT; index++) await dropEngine(folder, () => ended++);
    // A collector that scans the stack conservatively may keep one of them.
    for (let round = 0; round < 400 && ended < COUNT - 1; round++) {
      collectGarbage();
      await delay(10);
    }
    assert(ended >= COUNT - 1, `${ended} of ${COUNT} have ended`);
  });
});

test("an engine that nothing refers to but its running generations is kept until they end", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    let ended = 0;
    const results = await dropWhileRunning(folder, () => ended++);
    let over = 0;
    const lengths = Promise.all(results.map(async (result) => {
      const { tokenIds } = await result;
      assertEquals(ended, 0);
      over++;
      return tokenIds.length;
    }));
    while (over < results.length) {
      collectGarbage();
      await delay(5);
    }
    assertEquals(await lengths, [1900, 1000]);
  });
});
