import { test } from "node:test";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describeFlags, parseFlags, parseIds } from "../../../cli/flags/flags.ts";
import { UsageError } from "../../../cli/errors.ts";
import { boolean, choice, integer, number, text, texts, tokenIds } from "../../../engine/config/option.ts";

const FLAGS = {
  json: boolean({ help: "as JSON" }),
  overlap: boolean({ default: true, help: "one step at a time" }),
  temperature: number({ min: 0, placeholder: "T", help: "how varied" }),
  topP: number({ above: 0, max: 1, default: 1, placeholder: "P", help: "nucleus" }),
  seed: integer({ min: 0, max: Number.MAX_SAFE_INTEGER, defaultText: "random", help: "reproducible" }),
  prompt: text({ short: "p", help: "the prompt" }),
  stop: texts(4, 8, { help: "where to end" }),
  promptIds: tokenIds({ help: "the prompt as ids" }),
  device: choice(["auto", "cpu"], { help: "where" }),
  library: text({}),
} as const;

test("parseFlags() reads every kind of flag", () => {
  const args = [
    "model",
    "--json",
    "--no-overlap",
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
    overlap: false,
    temperature: 0.5,
    seed: 7,
    stop: ["a", "b\n"],
    promptIds: [1, 2],
    device: "cpu",
  });
  assertEquals(help, false);
});

test("parseFlags() keeps text that looks like a number", () => {
  const { values, positional } = parseFlags(["0x10", "--prompt", "007", "--", "--json"], FLAGS);
  assertEquals(values.prompt, "007");
  assertEquals(positional, ["0x10", "--json"]);
  assertEquals(values.json, undefined);
});

test("parseFlags() takes a flag's short name for its long one", () => {
  for (const args of [["-p", "text", "model"], ["--prompt", "text", "model"], ["--prompt=text", "model"]]) {
    const { values, positional } = parseFlags(args, FLAGS);
    assertEquals([values.prompt, positional], ["text", ["model"]]);
  }
  assertThrows(() => parseFlags(["-p"], FLAGS), UsageError, "--prompt needs a value TEXT");
  assertThrows(() => parseFlags(["-q", "text"], FLAGS), UsageError, "unknown flag -q");
  assertStringIncludes(describeFlags({ Flags: FLAGS }), "-p, --prompt TEXT");
});

test("parseFlags() takes both forms of a flag whose default depends on something else", () => {
  const table = { graphs: boolean({ defaultText: "true on a GPU", help: "replay graphs" }) } as const;
  const valueOf = (...args: string[]) => parseFlags(args, table).values.graphs;
  assertEquals([valueOf("--graphs"), valueOf("--no-graphs"), valueOf()], [true, false, undefined]);
  assertStringIncludes(describeFlags({ Flags: table }), "--[no-]graphs");
  assertStringIncludes(describeFlags({ Flags: table }), "replay graphs (default: true on a GPU)");
});

test("parseFlags() checks nothing with --help", () => {
  assert(parseFlags(["--seed", "x", "-h"], FLAGS).help);
  assert(parseFlags(["--help", "--nonsense"], FLAGS).help);
});

test("parseFlags() names the wrong flag and what would be right", () => {
  const wrong: [string[], string][] = [
    [["--temperature", "hot"], '--temperature must be a finite number >= 0, got "hot"'],
    [["--temperature", "NaN"], '--temperature must be a finite number >= 0, got "NaN"'],
    [["--temperature=-1"], "--temperature must be a finite number >= 0, got -1"],
    [["--temperature", "Infinity"], "--temperature must be a finite number"],
    [["--top-p", "0"], "--top-p must be a finite number > 0 and <= 1"],
    [["--top-p", "1.5"], "--top-p must be a finite number > 0 and <= 1"],
    [["--seed", "1.5"], "--seed must be an integer from 0 to 9007199254740991"],
    [["--seed", "9007199254740992"], "--seed must be an integer from 0"],
    [["--seed"], "--seed needs a value N"],
    [["--seed", "-1"], "attach a value that begins with -: --seed=-1"],
    [["--prompt"], "--prompt needs a value TEXT"],
    [["--stop", "--json"], "--stop needs a value TEXT"],
    [["--prompt-ids", "1,x"], '--prompt-ids must be token ids such as 1,2,3, not "x"'],
    [["--device", "gpu"], '--device must be one of auto, cpu, got "gpu"'],
    [["--temprature", "1"], "unknown flag --temprature; did you mean --temperature?"],
    [["--temp=1"], "unknown flag --temp; did you mean --temperature?"],
    [["-x"], "unknown flag -x"],
    [["--library", "file"], "unknown flag --library"],
    [["--overlap"], "unknown flag --overlap; did you mean --no-overlap?"],
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

test("describeFlags() lists every flag with its value, help, bounds and default", () => {
  const lines = describeFlags({ First: FLAGS, Second: {} }).split("\n");
  assertEquals(lines, [
    "First:",
    "  --json                        as JSON",
    "  --no-overlap                  one step at a time",
    "  --temperature T               how varied (>= 0)",
    "  --top-p P                     nucleus (> 0 and <= 1; default: 1)",
    "  --seed N                      reproducible (>= 0; default: random)",
    "  -p, --prompt TEXT             the prompt",
    "  --stop TEXT                   where to end",
    "  --prompt-ids 1,2,3            the prompt as ids",
    "  --device auto|cpu             where",
    "",
    "Second:",
    "",
    "Help:",
    "  -h, --help                    show this help",
  ]);
});

test("describeFlags() wraps long help", () => {
  const help = "a long sentence that does not end before it has more letters than a line of help has columns";
  const lines = describeFlags({ Flags: { aFlagWithANameThatIsFarTooLong: boolean({ help }) } }).split("\n");
  assertEquals(lines[1], "  --a-flag-with-a-name-that-is-far-too-long");
  assertEquals(lines.slice(2, 4).map((line) => line.trim()).join(" "), help);
  assert(lines.every((line) => line.length <= 100));
});
