import { assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import {
  abortSignal,
  boolean,
  callback,
  choice,
  flagName,
  integer,
  number,
  type Option,
  readOptions,
  record,
  resolveOptions,
  text,
  texts,
  tokenIds,
} from "../../../engine/config/option.ts";
import { UpbeatError } from "../../../errors.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";

const TABLE = {
  count: integer({ min: 1, max: 8, default: 4, help: "a count" }),
  share: number({ above: 0, max: 1 }),
  kind: choice(["first", "second"], { default: "first" }),
  isFast: boolean({ default: true, help: "be slow" }),
} as const;

test("resolveOptions() fills in defaults, for null too", () => {
  const defaults = { count: 4, share: null, kind: "first", isFast: true } as const;
  assertEquals(resolveOptions(TABLE, {}), defaults);
  const absent = { count: null, share: undefined, kind: null } as unknown as { count?: number };
  assertEquals(resolveOptions(TABLE, absent), defaults);
});

test("resolveOptions() prefers what is given to the caller's defaults, and those to the table's", () => {
  const { count, share, kind } = resolveOptions(TABLE, { count: 2 }, { count: 3, share: 0.5 });
  assertEquals([count, share, kind], [2, 0.5, "first"]);
});

test("resolveOptions() checks the caller's defaults", () => {
  assertUpbeatError(() => resolveOptions(TABLE, {}, { share: 0 }), "INVALID_PARAMETER", "share", "0");
});

test("readOptions() refuses an option that does not exist, and names the one that was meant", () => {
  const refuse = (options: object, ...parts: string[]) =>
    assertUpbeatError(() => readOptions(TABLE, options), "INVALID_PARAMETER", ...parts);
  refuse({ cont: 1 }, 'there is no option "cont"; did you mean count?');
  refuse({ is_fast: true }, "did you mean isFast?");
  refuse({ COUNT: 2, share: 0.5 }, "did you mean count?");
  refuse({ colour: 1 }, "the options are count, share, kind, isFast");
  refuse({ toString: () => "" }, '"toString"');
  refuse(JSON.parse('{"__proto__": 1}'), '"__proto__"');
  refuse({ ["x".repeat(1e7)]: 1 }, '"xxx');
  assertUpbeatError(() => resolveOptions(TABLE, { cont: 1 } as object), "INVALID_PARAMETER", "cont");
});

test("readOptions() takes null, undefined, and null under a name that does not exist, for nothing", () => {
  for (const nothing of [null, undefined, {}, { count: null }, { colour: null, hue: undefined }]) {
    assertEquals(readOptions(TABLE, nothing), {});
  }
});

test("readOptions() refuses what is no object", () => {
  for (const [given, shown] of [[5, "5"], ["x", '"x"'], [true, "true"], [[1], "[1]"], [() => {}, "a function"]]) {
    assertUpbeatError(() => readOptions(TABLE, given), "INVALID_PARAMETER", `options must be an object, got ${shown}`);
  }
});

test("readOptions() reads inherited options, and each of them once", () => {
  let reads = 0;
  class Base {
    get count(): number {
      return ++reads;
    }
  }
  assertEquals(readOptions(TABLE, new Base()), { count: 1 });
  assertEquals(reads, 1);
});

test("readOptions() names the error of a getter", () => {
  const options = {
    get count(): number {
      throw new TypeError("not today");
    },
  };
  assertUpbeatError(() => readOptions(TABLE, options), "INVALID_PARAMETER", "options cannot be read", "not today");
});

const REFUSED: readonly (readonly [Option, unknown, string])[] = [
  [TABLE.count, 0, "field must be an integer from 1 to 8, got 0"],
  [TABLE.count, 9, "field must be an integer from 1 to 8, got 9"],
  [TABLE.count, 1.5, "field must be an integer from 1 to 8, got 1.5"],
  [TABLE.count, "4", 'field must be an integer from 1 to 8, got "4"'],
  [TABLE.share, 0, "field must be a finite number > 0 and <= 1, got 0"],
  [TABLE.share, NaN, "field must be a finite number > 0 and <= 1, got NaN"],
  [number({ min: 0 }), Infinity, "field must be a finite number >= 0, got Infinity"],
  [number({}), "x", 'field must be a finite number, got "x"'],
  [TABLE.kind, "third", 'field must be one of first, second, got "third"'],
  [TABLE.isFast, 1, "field must be true or false, got 1"],
  [text({}), 7, "field must be a string, got 7"],
  [texts(2, 8, {}), ["a", ""], 'field must be non-empty strings, got ""'],
  [texts(2, 8, {}), ["a", "b", "c"], "field may have at most 2 strings, got 3"],
  [tokenIds({}), [1, -1], "field must be token ids, got [1,-1]"],
  [texts(2, 8, {}), ["a", "12345678"], "field may have at most 8 characters together, got 9"],
  [texts(2, 8, {}), null, "field must be non-empty strings, got null"],
  [record("object"), new Map(), "field must be an object, got a Map"],
  [record("object"), [1], "field must be an object, got [1]"],
  [abortSignal(), {}, "field must be an AbortSignal, got {}"],
  [abortSignal(), { aborted: false }, 'field must be an AbortSignal, got {"aborted":false}'],
  [abortSignal(), new AbortController(), "field must be an AbortSignal, got an AbortController"],
  [callback("() => void"), "x", 'field must be a function, got "x"'],
];
for (const [option, value, message] of REFUSED) {
  test(`check() of ${option.type} refuses ${JSON.stringify(value)}`, () => {
    assertEquals(assertThrows(() => option.check("field", value), UpbeatError).message, message);
  });
}

test("flagName() is the option's name in kebab case, with no- where the default is true", () => {
  assertEquals(flagName("count", TABLE.count), "count");
  assertEquals(flagName("maxBatchTokens", TABLE.count), "max-batch-tokens");
  assertEquals(flagName("isFast", TABLE.isFast), "no-is-fast");
  assertEquals(flagName("addSpecialTokens", boolean({ default: true, flag: "no-special", help: "" })), "no-special");
  assertEquals(flagName("share", TABLE.share), null);
});
