import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { writeRandomModel } from "../support/random_model.ts";
import { runCli } from "../support/run_cli.ts";
import { withModelFolder } from "../support/test_engine.ts";

const GREEDY = ["--temperature", "0", "--ignore-eos", "--threads", "1"];

interface Output {
  readonly text: string;
  readonly tokenIds: number[];
  readonly promptTokenIds: number[];
  readonly finishReason: string;
  readonly usage: { promptTokens: number; completionTokens: number };
  readonly metrics: { ttftMs: number; tpotMs: number; e2eMs: number };
}

test("upbeat generate streams the text that --json reports, with the documented fields", async () => {
  await withModelFolder(async (folder) => {
    writeRandomModel(folder, { tokenizer: true });
    const json = await runCli(["generate", folder, "Hello", ...GREEDY, "--max-tokens", "12", "--json", "--quiet"]);
    assertEquals([json.code, json.stderr], [0, ""]);
    const output = JSON.parse(json.stdout) as Output;
    assertEquals(Object.keys(output), ["text", "tokenIds", "promptTokenIds", "finishReason", "usage", "metrics"]);
    assertEquals(output.usage, { promptTokens: output.promptTokenIds.length, completionTokens: 12 });
    assertEquals([output.tokenIds.length, output.finishReason], [12, "length"]);
    assertEquals(Object.keys(output.metrics), ["ttftMs", "tpotMs", "e2eMs"]);
    assert(output.metrics.ttftMs > 0 && output.metrics.e2eMs >= output.metrics.ttftMs);

    const text = await runCli(["generate", folder, "-", ...GREEDY, "--max-tokens", "12"], { stdin: "Hello\n" });
    assertEquals(text.code, 0);
    assertEquals(text.stdout, output.text.endsWith("\n") ? output.text : `${output.text}\n`);
    assertMatch(text.stderr, /^TTFT .* tokens\/s, \d+ \+ 12 tokens \(length\)\n$/);

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
      [["text", "--max-tokens", "1000"], "maxTokens"],
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

test("upbeat generate ends with code 130 and keeps what was generated when it is interrupted", async () => {
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
