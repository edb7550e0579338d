import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertGreater, assertMatch, assertStringIncludes } from "@std/assert";
import { chooseDevice } from "../../../engine/runner/open_device.ts";
import { type CheckedLane, type CheckedTrace, checkTrace } from "../../support/check_trace.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { runCli } from "../../support/run/run_cli.ts";
import { withModelFolder } from "../../support/test_engine.ts";

const GREEDY = ["--temperature", "0", "--ignore-eos", "--threads", "1"];

const PROMPTS = [
  "the first prompt of several",
  "another one",
  "a third prompt, longer than the others are",
  "x",
  "five",
];

const VIEWERS = "https://ui.perfetto.dev or chrome://tracing";

/** Forces chunks, pauses and evictions: the pool holds less than half of the prompts. */
const PRESSURE = ["--kv-blocks", "24", "--block-size", "4", "--max-batch-tokens", "8", "--overlap"];

function requestLanes({ lanes }: CheckedTrace): CheckedLane[] {
  return [...lanes.values()].filter(({ process }) => process === "requests");
}

function namesOf(list: readonly { readonly name: string }[], name: string): number {
  return list.filter((entry) => entry.name === name).length;
}

function sumOf(values: readonly unknown[]): number {
  return values.reduce((sum: number, value) => sum + (value as number), 0);
}

test("upbeat trace writes the same events as generate for the same prompts under the same pressure", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const file = join(folder, "prompts.txt");
    const output = join(folder, "out.json");
    writeFileSync(file, PROMPTS.join("\n"));
    writeFileSync(output, "an older file");
    const flags = ["--prompts-file", file, ...GREEDY, "--max-tokens", "20", ...PRESSURE];
    const { code, stdout, stderr } = await runCli(["trace", folder, ...flags, "-o", output]);
    assertEquals([code, stdout], [0, ""]);
    const generated = await runCli(["generate", folder, ...flags, "--json", "--quiet"]);
    const results = generated.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));

    const trace = checkTrace(readFileSync(output, "utf8"));
    const lanes = requestLanes(trace);
    assertEquals(
      lanes.map(({ name }) => name),
      PROMPTS.map((prompt, index) => {
        return `request ${index + 1}: ${prompt.length > 40 ? `${prompt.slice(0, 39)}…` : prompt}`;
      }),
    );
    for (const [index, { slices, instants }] of lanes.entries()) {
      const tokens = instants.filter(({ name }) => name === "GENERATED_TOKEN").map(({ args }) => args);
      assertEquals(tokens.map(({ tokenId }) => tokenId), results[index].tokenIds);
      assertEquals(tokens.map(({ text }) => text).join(""), results[index].text);
      assertEquals([instants[0]!.name, instants.at(-1)!.name], ["ADD_ENGINE", "FINISH"]);
      assertEquals(instants.at(-1)!.args["reason"], results[index].finishReason);
      const evictions = namesOf(instants, "EVICT");
      assertEquals(namesOf(slices, "re-queued"), evictions);
      assertEquals([namesOf(slices, "queue"), namesOf(slices, "tokenize")], [1, 1]);
      assertEquals([namesOf(slices, "prefill"), namesOf(instants, "ADD_CONTEXT")], [evictions + 1, evictions + 1]);
      assertEquals(namesOf(slices, "chunk"), namesOf(instants, "PREFILL_CHUNK"));
      assertEquals(namesOf(slices, "paused"), namesOf(instants, "PAUSE"));
    }
    const everything = lanes.flatMap(({ instants }) => instants);
    assertGreater(namesOf(everything, "EVICT"), 0);
    assertGreater(namesOf(everything, "RESUME"), 0);

    checkSteps(trace);
    const steps = trace.counters.get("queue")!.length - 1;
    const [first, summary, ...rest] = stderr.split("\n");
    assertMatch(first!, /^5 prompts running/);
    assertEquals(summary, `${output}: 5 prompts, ${steps} steps, 100 tokens; open it at ${VIEWERS}`);
    assertEquals(rest, [""]);
    assertEquals([trace.about["kvBlocks"], trace.about["blockSize"]], [24, 4]);
    // The device that this process would choose, too.
    const { device } = await chooseDevice({ device: "auto", library: null, threads: 1, simd: "auto" });
    assertEquals(trace.about["device"], device.info().name);
    device.close();
  });
});

/** Check that the steps' lanes and the counters agree with the requests' lanes. */
function checkSteps(trace: CheckedTrace): void {
  // Steps overlap, so they have two lanes.
  const lanes = [...trace.lanes].flatMap(([name, lane]) => (name.startsWith("steps") ? [lane] : []));
  assertEquals(lanes.length, 2);
  const steps = lanes.flatMap(({ slices }) => slices.filter(({ depth }) => depth === 0)).sort((a, b) => a.ts - b.ts);
  const onDevice = trace.lanes.get("device")!.slices;
  assertEquals(onDevice.map(({ name }) => name), steps.flatMap((_, at) => [`forward ${at + 1}`, `sample ${at + 1}`]));
  const everything = requestLanes(trace).flatMap(({ instants }) => instants);
  const tokens = everything.filter(({ name }) => name === "GENERATED_TOKEN").map(({ args }) => args);
  const chunks = requestLanes(trace).flatMap(({ slices }) => slices).filter(({ name }) => name === "chunk");
  const counter = (name: string) => trace.counters.get(name)!;
  for (const [index, { name, ts, dur, args }] of steps.entries()) {
    const step = index + 1;
    assertEquals([name, args["step"]], [`step ${step}`, step]);
    const sampled = tokens.filter((token) => token["step"] === step);
    assertEquals(sampled.length, args["sampledTokens"]);
    const own = chunks.filter((chunk) => chunk.args["step"] === step);
    assertEquals([own.length, sumOf(own.map(({ args }) => args["tokens"]))], [
      args["prefillRequests"],
      args["prefillTokens"],
    ]);
    assert(
      (args["waitUs"] as number) <= dur && (args["prefillTokens"] as number) + (args["decodeTokens"] as number) <= 8,
    );
    const { used, cached } = counter("KV blocks")[index]!.values;
    for (const { blocksActive, blocksAllocated, blocksTotal } of sampled) {
      assertEquals([blocksActive, blocksAllocated, blocksTotal], [used, used! + cached!, 24]);
    }
    for (const name of ["KV blocks", "batch requests", "batch tokens", "admitted requests", "queue"]) {
      assertEquals(counter(name)[index]!.ts, ts);
    }
    assertEquals(sumOf(Object.values(counter("batch requests")[index]!.values)), args["requests"]);
  }
  assert(counter("admitted requests").some(({ values }) => values["paused"]! > 0));
  assert(counter("queue").some(({ values }) => values["waiting"]! > 0));
  for (const [name, samples] of trace.counters) {
    assertEquals(samples.length, steps.length + 1);
    if (name !== "KV blocks") assertEquals(sumOf(Object.values(samples.at(-1)!.values)), 0, name);
  }
  assertEquals(counter("KV blocks").at(-1)!.values["used"], 0);
}

test("upbeat trace draws and reports prompts that failed, and ends with code 1", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true, maxPositions: 64 });
    const file = join(folder, "prompts.txt");
    const output = join(folder, "out.json");
    writeFileSync(file, `one\n${"too long ".repeat(30)}\nthree`);
    const flags = ["--prompts-file", file, ...GREEDY, "--max-tokens", "4", "--quiet", "--output", output];
    const { code, stdout, stderr } = await runCli(["trace", folder, ...flags]);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /^upbeat: prompt 2: [^\n]*64[^\n]*\n$/);
    const ends = requestLanes(checkTrace(readFileSync(output, "utf8"))).map(({ instants }) => instants.at(-1)!.name);
    assertEquals(ends, ["FINISH", "FAIL", "FINISH"]);
  });
});

test("upbeat trace writes the trace so far and ends with code 130 when it is interrupted", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true, maxPositions: 100_000 });
    const output = join(folder, "out.json");
    const flags = ["--prompt-ids", "5,6,7", ...GREEDY, "--max-tokens", "90000", "--max-context", "99000", "-o", output];
    const { code, stdout, stderr } = await runCli(["trace", folder, ...flags], {
      // A signal before the first line, which says that prompts run, ends it without a trace.
      onStart: (child) => {
        child.stderr?.once("data", () => setTimeout(() => process.kill(child.pid!, "SIGINT"), 100));
      },
    });
    assertEquals([code, stdout], [130, ""]);
    assertStringIncludes(stderr, `${output}: 1 prompt, `);
    const [lane] = requestLanes(checkTrace(readFileSync(output, "utf8")));
    assertEquals(lane!.name, "request 1: 3 token ids");
    assertEquals(lane!.instants.at(-1)!.args["reason"], "cancelled");
    assertEquals(namesOf(lane!.instants, "GENERATED_TOKEN"), lane!.instants.at(-1)!.args["tokens"]);
  });
});

test("upbeat trace ends with code 1 and one line, before a model is loaded, when its output cannot be written", async () => {
  await withModelFolder(async (folder) => {
    mkdirSync(join(folder, "taken"));
    writeFileSync(join(folder, "file"), "");
    const unwritable: [string, string][] = [
      [join(folder, "no", "trace.json"), `there is no folder ${join(folder, "no")}`],
      [join(folder, "taken"), "it is a folder"],
      [join(folder, "file", "trace.json"), "there is no folder"],
    ];
    for (const [output, reason] of unwritable) {
      // The model does not exist either: the output is checked first.
      const { code, stdout, stderr } = await runCli(["trace", join(folder, "no-model"), "text", "-o", output]);
      assertEquals([code, stdout], [1, ""]);
      assertStringIncludes(stderr, `--output: cannot write ${output}: ${reason}`);
      assertMatch(stderr, /^upbeat: [^\n]+\n$/);
    }
    const output = join(folder, "fine.json");
    const { code } = await runCli(["trace", join(folder, "no-model"), "text", "-o", output]);
    assertEquals([code, existsSync(output)], [1, false]);
  });
});
