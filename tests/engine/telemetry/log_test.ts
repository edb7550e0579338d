import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "node:test";
import { callerLog, createLog, formatLogEntry, type LogEntry } from "../../../engine/telemetry/log.ts";
import { Engine } from "../../../mod.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { runScript } from "../../support/run/run_script.ts";
import { withModelFolder } from "../../support/test_engine.ts";

const now = () => 12.5;

test("createLog() returns null without a target", () => {
  assertEquals(createLog("caller", now, { standardError: false, take: null }), null);
  assertEquals(callerLog(undefined, false, now), { log: null, onLog: null });
});

test("createLog() passes each point to its target with time, thread and facts", () => {
  const entries: LogEntry[] = [];
  const take = (entry: LogEntry) => entries.push(entry) > 0;
  const log = createLog("executor", now, { standardError: false, take })!;
  log("worker: start");
  log("worker: device opened", { threads: 8, library: "cpu" });
  assertEquals(entries, [
    { time: 12.5, thread: "executor", point: "worker: start" },
    { time: 12.5, thread: "executor", point: "worker: device opened", threads: 8, library: "cpu" },
  ]);
  assertEquals(entries.map(formatLogEntry), [
    "upbeat: 12.500 ms executor, worker: start",
    "upbeat: 12.500 ms executor, worker: device opened (threads 8, library cpu)",
  ]);
});

const SCRIPT = `
  import { callerLog, createLog } from "./engine/telemetry/log.ts";
  const now = () => 1;
`;

test("createLog() writes entries that are not taken to standard error, each once", async () => {
  const { code, stdout, stderr } = await runScript(`${SCRIPT}
    const seen = [];
    const take = (entry) => seen.push(entry.point) > 0;
    createLog("executor", now, { standardError: false, take: () => false })("refused");
    createLog("executor", now, { standardError: false, take: () => { throw new Error("closed"); } })("thrown");
    createLog("executor", now, { standardError: false, take })("taken");
    createLog("executor", now, { standardError: true, take })("both");
    createLog("executor", now, { standardError: true, take: () => false })("once");
    const { log, onLog } = callerLog(() => { throw new Error("no"); }, false, now);
    log("from the caller");
    onLog({ time: 1, thread: "executor", point: "from the executor" });
    callerLog(async () => { throw new Error("later"); }, false, now).log("rejected");
    setTimeout(() => console.log(seen.join()), 20);
  `);
  const points = stderr.trimEnd().split("\n").map((line) => line.split(", ")[1]);
  assertEquals(points, ["refused", "thrown", "both", "once", "from the caller", "from the executor"]);
  assertEquals([code, stdout], [0, "taken,both\n"]);
});

test("createLog() writes to standard error synchronously", async () => {
  const { stderr } = await runScript(
    `${SCRIPT}
      createLog("caller", now, { standardError: true, take: null })("before it hangs");
      while (true);
    `,
    {},
    (child) => child.stderr!.once("data", () => child.kill("SIGKILL")),
  );
  assertEquals(stderr, "upbeat: 1.000 ms caller, before it hangs\n");
});

/** The points of one thread. */
function pointsOf(thread: LogEntry["thread"], entries: readonly LogEntry[]): string[] {
  return entries.filter((entry) => entry.thread === thread).map(({ point }) => point);
}

test("both threads of an engine log their points in order", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const entries: LogEntry[] = [];
    const engine = await Engine.load(folder, { onLog: (entry) => entries.push(entry) });
    await engine.generate("abc", { maxTokens: 3, ignoreEos: true }).result;
    await engine.dispose();
    await engine.dispose();
    const executor = pointsOf("executor", entries).filter((point) => point.startsWith("worker:"));
    assertEquals(executor, [
      "worker: start",
      "worker: model read",
      "worker: device opened",
      "worker: runner ready",
      "worker: loop exit",
      "worker: device synchronized, graphs released",
      "worker: device closed",
      "worker: exit",
    ]);
    const all = pointsOf("executor", entries);
    assert(all.indexOf("loop: shutdown received") < all.indexOf("worker: loop exit") && all[4]!.startsWith("loop:"));
    assertEquals(pointsOf("caller", entries), [
      "engine: dispose",
      "thread: shutdown message posted",
      "thread: executor over",
      "thread: worker exit seen",
      "engine: dispose exit",
      "engine: dispose",
      "engine: dispose returns the promise of the first call",
    ]);
    assertEquals(entries.at(-1)!["reason"], "already disposed");
    assertEquals(entries.find(({ point }) => point === "worker: loop exit")!["error"], null);
    for (const thread of ["caller", "executor"] as const) {
      const times = entries.filter((entry) => entry.thread === thread).map(({ time }) => time);
      assertEquals(times, times.toSorted((a, b) => a - b));
    }
  });
});

const LIFE = (folder: string, options: string) => `
  import { Engine } from "./mod.ts";
  const engine = await Engine.load(${JSON.stringify(folder)}, ${options});
  const { tokenIds } = await engine.generate([1], { maxTokens: 3, ignoreEos: true }).result;
  await engine.dispose();
  console.log(tokenIds.length);
`;

test("UPBEAT_LOG=debug writes the points of both threads to standard error, and nothing else does", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const debug = await runScript(LIFE(folder, "{}"), { UPBEAT_LOG: "debug" });
    assertEquals([debug.code, debug.stdout], [0, "3\n"]);
    for (const line of debug.stderr.trimEnd().split("\n")) {
      assertMatch(line, /^upbeat: \d+\.\d{3} ms (caller|executor), /);
    }
    for (const point of ["caller, engine: dispose exit", "executor, worker: device closed", "executor, worker: exit"]) {
      assertEquals(debug.stderr.split(point).length, 2, point);
    }
    for (const [options, variable] of [["{}", "off"], ["{ onLog() {} }", ""]] as const) {
      const quiet = await runScript(LIFE(folder, options), { UPBEAT_LOG: variable });
      assertEquals(quiet, { code: 0, stdout: "3\n", stderr: "" });
    }
  });
});

test("UPBEAT_LOG=debug shows the executor's thread while the caller's thread hangs", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const script = `
      import { Engine } from "./mod.ts";
      const engine = await Engine.load(${JSON.stringify(folder)});
      void engine.dispose();
      while (true);
    `;
    const { stderr } = await runScript(script, { UPBEAT_LOG: "debug" }, (child) => {
      let seen = "";
      child.stderr!.on("data", (chunk: string) => {
        seen += chunk;
        if (seen.includes("worker: exit")) child.kill("SIGKILL");
      });
    });
    assertMatch(stderr, /executor, worker: device closed\n.*executor, worker: exit\n$/);
  });
});

test("entries go to standard error when onLog throws", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const options = "{ onLog() { throw new Error('broken'); } }";
    const { code, stdout, stderr } = await runScript(LIFE(folder, options), { UPBEAT_LOG: "" });
    assertEquals([code, stdout], [0, "3\n"]);
    for (const point of ["caller, engine: dispose exit", "executor, worker: device closed", "executor, worker: exit"]) {
      assertEquals(stderr.split(point).length, 2, point);
    }
  });
});
