import { test } from "node:test";
import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";
import { parseArgs as fromMod } from "@std/cli";

test("parseArgs() takes values from the next argument or after '='", () => {
  assertEquals(parseArgs(["--a", "x", "--b=y=z", "p", "7"]), {
    a: "x",
    b: "y=z",
    _: ["p", 7],
  });
  assertStrictEquals(fromMod, parseArgs);
});

test("parseArgs() converts what looks like a number, unless the flag is a string", () => {
  const args = parseArgs([
    "--n",
    "5",
    "--f=-1.5e3",
    "--x",
    "0x1F",
    "--s",
    "5",
    "12",
  ], { string: ["s", "_"] });
  assertEquals(args, { n: 5, f: -1500, x: 31, s: "5", _: ["12"] });
});

test("parseArgs() reads a string flag without a value as the empty string, any other as true", () => {
  const args = parseArgs(["--s", "--t", "--u"], { string: ["s"] });
  assertEquals(args, { s: "", t: true, u: true, _: [] });
  assertEquals(parseArgs(["--s="], { string: ["s"] }), { s: "", _: [] });
});

test("parseArgs() takes no flag as a value, but a lone dash", () => {
  assertEquals(parseArgs(["--s", "-5", "--t", "-"], { string: ["s", "t"] }), {
    s: "",
    "5": true,
    t: "-",
    _: [],
  });
  assertEquals(parseArgs(["-", ""]), { _: ["-", ""] });
});

test("parseArgs() gives boolean flags no value, except true and false", () => {
  const options = { boolean: ["json", "color"] } as const;
  assertEquals(parseArgs(["--json", "model"], options), {
    json: true,
    color: false,
    _: ["model"],
  });
  assertEquals(parseArgs(["--json", "false", "--color=false"], options), {
    json: false,
    color: false,
    _: [],
  });
});

test("parseArgs() negates negatable flags only", () => {
  const options = {
    boolean: ["special"],
    negatable: ["special"],
    default: { special: true },
  } as const;
  assertEquals(parseArgs([], options), { special: true, _: [] });
  assertEquals(parseArgs(["--no-special"], options), { special: false, _: [] });
  assertEquals(parseArgs(["--no-other"], options), {
    special: true,
    "no-other": true,
    _: [],
  });
});

test("parseArgs() collects repeated flags if asked to, and otherwise keeps the last", () => {
  const options = { string: ["stop", "once"], collect: ["stop"] } as const;
  const args = parseArgs([
    "--stop",
    "a",
    "--once",
    "1",
    "--stop=b",
    "--once",
    "2",
  ], options);
  assertEquals(args.stop, ["a", "b"]);
  assertEquals(args.once, "2");
  assertEquals(parseArgs([], options), { stop: [], _: [] });
});

test("parseArgs() gives every alias the value", () => {
  const options = {
    boolean: ["help"],
    string: ["out"],
    alias: { help: "h", out: ["o", "output"] },
  } as const;
  const args = parseArgs(["-h", "-o", "5"], options);
  assertEquals(args, {
    help: true,
    h: true,
    out: "5",
    o: "5",
    output: "5",
    _: [],
  });
});

test("parseArgs() reads grouped and attached short flags", () => {
  assertEquals(parseArgs(["-abc", "v"]), { a: true, b: true, c: "v", _: [] });
  assertEquals(parseArgs(["-n5", "-t=0.5", "-x-1"]), {
    n: 5,
    t: 0.5,
    x: -1,
    _: [],
  });
});

test("parseArgs() does not parse arguments after --", () => {
  assertEquals(parseArgs(["--a", "1", "--", "--b", "2"]), {
    a: 1,
    _: ["--b", "2"],
  });
  assertEquals(parseArgs(["x", "--", "--b", "2"], { "--": true }), {
    _: ["x"],
    "--": ["--b", "2"],
  });
});

test("parseArgs() stops at the first positional argument with stopEarly", () => {
  assertEquals(
    parseArgs(["--a", "1", "run", "--b", "2"], { stopEarly: true }),
    { a: 1, _: ["run", "--b", "2"] },
  );
});

test("parseArgs() drops unknown arguments when unknown() returns false", () => {
  const seen: unknown[] = [];
  const args = parseArgs(["--known", "--odd=3", "file", "-q"], {
    boolean: ["known"],
    unknown: (arg, key, value) => {
      seen.push([arg, key, value]);
      return key === undefined;
    },
  });
  assertEquals(args, { known: true, _: ["file"] });
  assertEquals(seen, [["--odd=3", "odd", "3"], ["file", undefined, undefined], [
    "-q",
    "q",
    true,
  ]]);
});

test("parseArgs() treats __proto__ as data", () => {
  const args = parseArgs(["--__proto__", "x"]);
  assert(Object.hasOwn(args, "__proto__"));
  assertFalse("x" in {});
  assertStrictEquals(Object.getPrototypeOf(args), Object.prototype);
});
