import { test } from "node:test";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describeFlags, parseFlags, parseIds } from "../../cli/flags.ts";
import { nearest, UsageError } from "../../cli/usage.ts";

const FLAGS = {
  json: { kind: "boolean", help: "as JSON" },
  temperature: { kind: "number", min: 0, value: "T", help: "how varied" },
  "top-p": { kind: "number", above: 0, max: 1, help: "nucleus" },
  seed: { kind: "integer", min: 0, help: "reproducible" },
  prompt: { kind: "text", value: "TEXT", short: "p", help: "the prompt" },
  stop: { kind: "texts", value: "TEXT", help: "where to end" },
  "prompt-ids": { kind: "ids", help: "the prompt as ids" },
  device: { kind: "choice", choices: ["auto", "cpu"], help: "where" },
} as const;

test("parseFlags() reads every kind of flag", () => {
  const args = [
    "model",
    "--json",
    "--temperature=0.5",
    "--seed",
    "7",
    "--stop",
    "a",
    "--stop=b\n",
    "--prompt-ids",
    "1,2",
  ];
  const { values, positional, help } = parseFlags([...args, "--device", "cpu", "12"], FLAGS);
  assertEquals(positional, ["model", "12"]);
  assertEquals(values, {
    json: true,
    temperature: 0.5,
    "top-p": undefined,
    seed: 7,
    prompt: undefined,
    stop: ["a", "b\n"],
    "prompt-ids": [1, 2],
    device: "cpu",
  });
  assertEquals(help, false);
});

test("parseFlags() keeps texts that look like numbers as they are", () => {
  const { values, positional } = parseFlags(["0x10", "--prompt", "007", "--", "--json"], FLAGS);
  assertEquals(values.prompt, "007");
  assertEquals(positional, ["0x10", "--json"]);
  assertEquals(values.json, false);
});

test("parseFlags() takes a flag's short name for its long one", () => {
  for (const args of [["-p", "text", "model"], ["--prompt", "text", "model"], ["--prompt=text", "model"]]) {
    const { values, positional } = parseFlags(args, FLAGS);
    assertEquals([values.prompt, positional], ["text", ["model"]]);
  }
  assertThrows(() => parseFlags(["-p"], FLAGS), UsageError, "--prompt needs a value TEXT");
  assertThrows(() => parseFlags(["-q", "text"], FLAGS), UsageError, "unknown flag -q");
  assertStringIncludes(describeFlags(FLAGS), "-p, --prompt TEXT");
});

test("parseFlags() checks nothing when help is asked for", () => {
  assert(parseFlags(["--seed", "x", "-h"], FLAGS).help);
  assert(parseFlags(["--help", "--nonsense"], FLAGS).help);
});

test("parseFlags() names the flag that is wrong and what would be right", () => {
  const wrong: [string[], string][] = [
    [["--temperature", "hot"], '--temperature must be a number at least 0, not "hot"'],
    [["--temperature", "NaN"], "--temperature must be a number at least 0"],
    [["--temperature=-1"], "--temperature must be a number at least 0"],
    [["--temperature", "Infinity"], "--temperature must be a number"],
    [["--top-p", "0"], "--top-p must be a number above 0 and at most 1"],
    [["--top-p", "1.5"], "--top-p must be a number above 0 and at most 1"],
    [["--seed", "1.5"], "--seed must be a whole number at least 0"],
    [["--seed", "9007199254740992"], "--seed must be a whole number at least 0"],
    [["--seed"], "--seed needs a value N"],
    [["--seed", "-1"], "attached: --seed=-1"],
    [["--prompt"], "--prompt needs a value TEXT"],
    [["--stop", "--json"], "--stop needs a value TEXT"],
    [["--prompt-ids", "1,x"], '--prompt-ids must be token ids such as 1,2,3, not "x"'],
    [["--device", "gpu"], '--device must be one of auto, cpu, not "gpu"'],
    [["--temprature", "1"], "unknown flag --temprature; did you mean --temperature?"],
    [["--temp=1"], "unknown flag --temp; did you mean --temperature?"],
    [["-x"], "unknown flag -x"],
  ];
  for (const [args, message] of wrong) assertThrows(() => parseFlags(args, FLAGS), UsageError, message);
});

test("parseIds() takes commas, spaces and brackets and refuses anything else", () => {
  assertEquals(parseIds("ids", "1,2,3"), [1, 2, 3]);
  assertEquals(parseIds("ids", " [1, 2\n3] "), [1, 2, 3]);
  for (const text of ["", ",", "1.5", "-1", "1;2", "1e3", "99999999999999999999"]) {
    assertThrows(() => parseIds("ids", text), UsageError, "ids must be token ids");
  }
});

test("nearest() suggests what was likely meant and nothing else", () => {
  const names = ["temperature", "top-k", "top-p", "seed", "stop"];
  assertEquals(nearest("temprature", names), "temperature");
  assertEquals(nearest("topk", names), "top-k");
  assertEquals(nearest("sede", ["seed"]), null);
  assertEquals(nearest("see", names), "seed");
  assertEquals(nearest("verbose", names), null);
  assertEquals(nearest("", names), null);
});

test("describeFlags() lists every flag with its value and help", () => {
  const text = describeFlags(FLAGS);
  for (
    const part of ["--json", "--temperature T", "--prompt-ids 1,2,3", "--device auto|cpu", "where to end", "--help"]
  ) {
    assertStringIncludes(text, part);
  }
  assertEquals(text.split("\n").length, Object.keys(FLAGS).length + 1);
});
