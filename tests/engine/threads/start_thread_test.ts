import { assertEquals } from "@std/assert";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { startThread } from "../../../engine/threads/start_thread.ts";

/** Milliseconds after which a thread counts as hanging. */
const TIMEOUT = 5_000;

test("a thread ends by itself when it has nothing more to do, after its last message", async () => {
  const thread = startThread("text", { folder: "no/such/model" });
  const types: string[] = [];
  thread.on("message", ({ type }: { type: string }) => types.push(type));
  const timeout = new AbortController();
  const ended = await Promise.race([
    once(thread, "exit").then(() => true),
    setTimeout(TIMEOUT, false, { signal: timeout.signal }),
  ]);
  timeout.abort();
  await thread.terminate();
  assertEquals([ended, types], [true, ["failed"]]);
});
