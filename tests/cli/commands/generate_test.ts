import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { sized } from "../../support/libraries/emulated.ts";
import { writeRandomModel } from "../../support/models/random_model.ts";
import { runCli } from "../../support/run/run_cli.ts";
import { withModelFolder } from "../../support/test_engine.ts";

const GREEDY = ["--temperature", "0", "--ignore-eos", "--threads", "1"];

interface Output {
  readonly text: string;
  readonly tokenIds: number[];
  readonly promptTokenIds: number[];
  readonly finishReason: string;
  readonly usage: { promptTokens: number; completionTokens: number };
  readonly metrics: {
    ttftMs: number;
    tpotMs: number;
    e2eMs: number;
    queueMs: number;
    prefillMs: number;
    cachedTokens: number;
    preemptions: number;
  };
  readonly chunks: { text: string; tokenIds: number[]; finishReason: string | null }[];
  readonly events?: (number | { type: string; timestamp: number; payload: unknown })[];
}

test("upbeat generate streams the text that --json reports, with the documented fields", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const json = await runCli(["generate", folder, "Hello", ...GREEDY, "--max-tokens", "12", "--json", "--quiet"]);
    assertEquals([json.code, json.stderr], [0, ""]);
    const output = JSON.parse(json.stdout) as Output;
    const fields = ["text", "tokenIds", "promptTokenIds", "finishReason", "usage", "metrics", "chunks"];
    assertEquals(Object.keys(output), fields);
    assertEquals(output.chunks.map(({ tokenIds }) => tokenIds), output.tokenIds.map((tokenId) => [tokenId]));
    assertEquals(output.chunks.map(({ text }) => text).join(""), output.text);
    assertEquals(output.chunks.map(({ finishReason }) => finishReason), [...Array(11).fill(null), "length"]);
    assertEquals(output.usage, { promptTokens: output.promptTokenIds.length, completionTokens: 12 });
    assertEquals([output.tokenIds.length, output.finishReason], [12, "length"]);
    assertEquals(Object.keys(output.metrics), [
      "ttftMs",
      "tpotMs",
      "e2eMs",
      "queueMs",
      "prefillMs",
      "cachedTokens",
      "preemptions",
    ]);
    assert(output.metrics.ttftMs > 0 && output.metrics.e2eMs >= output.metrics.ttftMs);

    const text = await runCli(["generate", folder, "-", ...GREEDY, "--max-tokens", "12"], { stdin: "Hello\n" });
    assertEquals(text.code, 0);
    assertEquals(text.stdout, output.text.endsWith("\n") ? output.text : `${output.text}\n`);
    assertMatch(text.stderr, /^TTFT .* tokens\/s, \d+ \+ 12 tokens \(length\)\n$/);

    const loops = [["--no-overlap"], ["--no-early-first-token"], ["--stream-interval", "5"]];
    for (const flags of sized(loops, loops.slice(2))) {
      const other = await runCli(["generate", folder, "Hello", ...GREEDY, "--max-tokens", "12", "--json", ...flags]);
      const { tokenIds, chunks } = JSON.parse(other.stdout) as Output;
      assertEquals(tokenIds, output.tokenIds);
      const lengths = flags.includes("5") ? [1, 4, 5, 2] : Array(12).fill(1);
      assertEquals(chunks.map((chunk) => chunk.tokenIds.length), lengths);
    }

    const ids = output.promptTokenIds.join(",");
    const again = await runCli(["generate", folder, "--prompt-ids", ids, ...GREEDY, "--max-tokens", "12", "--json"]);
    assertEquals((JSON.parse(again.stdout) as Output).tokenIds, output.tokenIds);
  });
});

test("upbeat generate --prompts-file answers in order what each prompt gets alone", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const prompts = ["one", "a second prompt", "3"];
    const file = join(folder, "prompts.txt");
    writeFileSync(file, prompts.join("\n") + "\n");
    const flags = [...GREEDY, "--max-tokens", "6", "--json", "--quiet"];
    const batch = await runCli(["generate", folder, "--prompts-file", file, ...flags, "--max-batch-tokens", "4"]);
    assertEquals([batch.code, batch.stderr], [0, ""]);
    const lines = batch.stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as Output);
    for (const [at, prompt] of prompts.entries()) {
      const alone = JSON.parse((await runCli(["generate", folder, prompt, ...flags])).stdout) as Output;
      assertEquals(lines[at]?.promptTokenIds, alone.promptTokenIds);
      assertEquals(lines[at]?.tokenIds, alone.tokenIds);
    }
    assertEquals(lines.length, prompts.length);
  });
});

test("upbeat generate ends with code 1 and one line when the engine refuses", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true, maxPositions: 64 });
    const refused: [string[], string][] = [
      [["--prompt-ids", "100000"], "100000"],
      [["--prompt-ids", Array(70).fill(5).join(",")], "64"],
      [["text", "--max-tokens", "1000"], "set --max-tokens to 60"],
      [["text", "--library", "/no/such/library"], "/no/such/library"],
    ];
    for (const [args, message] of refused) {
      const { code, stdout, stderr } = await runCli(["generate", folder, ...args]);
      assertEquals([code, stdout], [1, ""], args.join(" "));
      assertStringIncludes(stderr, message);
      assertMatch(stderr, /^upbeat: [^\n]+\n$/);
    }
  });
});

test("upbeat generate ends with code 2 when its only argument is a model folder", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const { code, stdout, stderr } = await runCli(["generate", folder]);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, "is a model, and its prompt or text is missing");
    assertMatch(stderr, /^upbeat: [^\n]+\n$/);
  });
});

test("upbeat generate ends with code 130 and keeps its output when it is interrupted", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true, maxPositions: 100_000 });
    const { code, stdout, stderr } = await runCli(
      ["generate", folder, "Hello", ...GREEDY, "--max-tokens", "90000", "--max-context", "99000"],
      // Not `child.kill`: after it Deno 2.9 reports the signal instead of the exit code, whatever the child did.
      { onStart: (child) => child.stdout?.once("data", () => process.kill(child.pid!, "SIGINT")) },
    );
    assertEquals(code, 130);
    assert(stdout.length > 1);
    assertMatch(stderr, /\(cancelled\)\n$/);
  });
});

test("upbeat generate ends quietly when its output is closed", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true, maxPositions: 100_000 });
    const { code, stderr } = await runCli(
      ["generate", folder, "Hello", ...GREEDY, "--max-tokens", "90000", "--max-context", "99000"],
      { onStart: (child) => child.stdout?.once("data", () => child.stdout?.destroy()) },
    );
    assertEquals([code, stderr], [0, ""]);
  });
});

test("upbeat generate --events prints all events, tokens in full or as bare ids", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    // Two sequences of 3 and later 5 blocks of 8 tokens, in a pool of 8.
    const file = join(folder, "prompts.txt");
    writeFileSync(file, "the first prompt of two\nand the second prompt\n");
    const pressure = ["--kv-blocks", "8", "--block-size", "8"];
    const flags = ["--prompts-file", file, ...GREEDY, "--max-tokens", "24", ...pressure, "--json", "--quiet"];
    const outputs = new Map<string, Output[]>();
    for (const mode of ["full", "compact"]) {
      const { code, stdout } = await runCli(["generate", folder, ...flags, "--events", mode]);
      assertEquals(code, 0);
      outputs.set(mode, stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as Output));
    }
    const [full, compact] = [outputs.get("full")!, outputs.get("compact")!];
    for (const [index, { tokenIds, events, metrics }] of full.entries()) {
      const types = events!.map((event) => (event as { type: string }).type);
      assertEquals([types[0], types.at(-1)], ["ADD_ENGINE", "FINISH"]);
      const tokens = events!.filter((event) => (event as { type: string }).type === "GENERATED_TOKEN");
      assertEquals(tokens.map((event) => (event as { payload: { tokenId: number } }).payload.tokenId), tokenIds);
      assertEquals(types.filter((type) => type === "EVICT").length, metrics.preemptions);
      assertEquals(compact[index]!.events!.filter((event) => typeof event === "number"), tokenIds);
      assertEquals(compact[index]!.tokenIds, tokenIds);
    }
    assert(full.some(({ events }) => events!.some((event) => (event as { type: string }).type === "PAUSE")));
  });
});

test("upbeat generate --max-queue fails the prompts that do not fit, with their events", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const file = join(folder, "prompts.txt");
    writeFileSync(file, "one\ntwo\nthree\n");
    const flags = [...GREEDY, "--max-tokens", "4", "--max-queue", "2", "--json", "--quiet", "--events", "full"];
    const { code, stdout, stderr } = await runCli(["generate", folder, "--prompts-file", file, ...flags]);
    assertEquals(code, 1);
    const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(lines.map(({ error }) => error?.code), [undefined, undefined, "QUEUE_FULL"]);
    assertEquals(lines[2].events.map(({ type }: { type: string }) => type), ["ADD_ENGINE", "ERROR_TRANSIENT", "FAIL"]);
    assertMatch(stderr, /^upbeat: prompt 3: .*--max-queue/);
  });
});
