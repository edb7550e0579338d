import { assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import {
  boolean,
  callback,
  choice,
  flagName,
  integer,
  number,
  type Option,
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
  [texts(2, {}), ["a", ""], 'field must be non-empty strings, got ""'],
  [texts(2, {}), ["a", "b", "c"], "field may have at most 2 strings, got 3"],
  [tokenIds({}), [1, -1], "field must be token ids, got 1,-1"],
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
