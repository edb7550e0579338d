import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import process from "node:process";
import { runCli } from "../support/run/run_cli.ts";

const COMMANDS = ["generate", "chat", "trace", "inspect", "tokenize"];

test("upbeat --help lists every command and each has its own help", async () => {
  const { code, stdout, stderr } = await runCli(["--help"]);
  assertEquals([code, stderr], [0, ""]);
  for (const name of COMMANDS) assertStringIncludes(stdout, `\n  ${name}`);
  for (const name of COMMANDS) {
    const help = await runCli([name, "--help"]);
    assertEquals([help.code, help.stderr], [0, ""]);
    assertMatch(help.stdout, new RegExp(`^Usage: upbeat ${name} \\[`));
    assertStringIncludes(help.stdout, "--help");
  }
});

test("upbeat --version prints the version", async () => {
  const { code, stdout } = await runCli(["--version"]);
  assertEquals(code, 0);
  assertMatch(stdout, /^upbeat \d+\.\d+\.\d+\n$/);
});

test("upbeat ends with code 2 and one line after wrong usage", async () => {
  const wrong: [string[], string][] = [
    [["genrate", "model"], 'unknown command "genrate"; did you mean generate?'],
    [["--nonsense"], 'unknown flag "--nonsense"'],
    [["generate", "model", "text", "--prompt", "text"], "exactly one of PROMPT, --prompt-ids and --prompts-file"],
    [["generate", "--model", "model"], "exactly one of PROMPT, --prompt-ids and --prompts-file"],
    [["generate", "model", "text", "--prompt-ids", "1"], "exactly one of"],
    [["generate", "model", "two", "words"], 'unexpected argument "words"'],
    [["generate", "model", "text", "--logprobs", "2"], "--logprobs needs --json"],
    [["generate", "model", "text", "--max-token", "2"], "did you mean --max-tokens?"],
    [["trace", "model", "text", "-o"], "--output needs a value FILE"],
    [["inspect", "model", "text"], 'unexpected argument "text"'],
    [["tokenize"], "exactly one of"],
    [["tokenize", "folder", "text", "--decode", "1"], "exactly one of"],
    [["tokenize", "folder", "text", "--add-generation-prompt"], "needs --chat"],
    [["chat", "model", "text"], 'unexpected argument "text"'],
  ];
  await Promise.all(wrong.map(async ([args, message]) => {
    const { code, stdout, stderr } = await runCli(args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertStringIncludes(stderr, message);
    assertMatch(stderr, /^upbeat: [^\n]+\n$/);
  }));
});

test("upbeat without a command prints its help to standard error and ends with code 2", async () => {
  const { code, stdout, stderr } = await runCli([]);
  assertEquals([code, stdout], [2, ""]);
  assert(stderr.startsWith("Usage: upbeat"));
});

test("upbeat ends with code 1 and one line when files are missing", async () => {
  const missing: [string[], string][] = [
    [["inspect", "/no/such/model"], "/no/such/model"],
    [["generate", "/no/such/model", "text"], "/no/such/model"],
    [["generate", "model", "--prompts-file", "/no/such/file"], "--prompts-file: cannot read /no/such/file"],
    [["tokenize", "/no/such/tokenizer", "text"], "/no/such/tokenizer"],
    [["chat", "/no/such/model"], "/no/such/model"],
  ];
  await Promise.all(missing.map(async ([args, message]) => {
    const { code, stdout, stderr } = await runCli(args);
    assertEquals([code, stdout], [1, ""], args.join(" "));
    assertStringIncludes(stderr, message);
    assertMatch(stderr, /^upbeat: [^\n]+\n$/);
  }));
});

test("upbeat reports errors without names of the library's functions, arguments and options", async () => {
  const foreign = process.arch === "arm64" ? "avx2" : "neon";
  const errors: [string[], string][] = [
    [["generate", "--simd", foreign, "text"], `this machine does not have ${foreign.toUpperCase()}\n`],
    [["generate", "--kv-blocks", "100000000", "text"], "lower --max-context or --kv-blocks, set --kv-dtype"],
    [
      ["generate", "--kv-blocks", "1", "--max-tokens", "100", "text"],
      "a larger --kv-blocks (now 1, of 16 tokens each)",
    ],
    [["generate", "--kv-blocks", "1", "a ".repeat(5000)], "a larger --max-context, and --kv-blocks for it"],
    [["generate", "org/name", "text"], "org/name is no path that exists, and is not in the Hugging Face cache"],
    [["inspect", "model.gguf"], "model.gguf does not exist"],
  ];
  await Promise.all(errors.map(async ([args, message]) => {
    const { code, stdout, stderr } = await runCli(args);
    assertEquals([code, stdout.trim()], [1, ""], args.join(" "));
    assertStringIncludes(stderr, message);
    assert(!/upbeat_|UPBEAT_|maxContext|kvBlocks/.test(stderr), stderr);
  }));
});
