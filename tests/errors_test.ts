import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { test } from "node:test";
import { deserializeError, serializeError, shorten, showValue, toUpbeatError, UpbeatError } from "../errors.ts";

test("shorten() keeps the start and the end of a long text, and whole characters", () => {
  assertEquals(shorten("short", 8), "short");
  assertEquals(shorten("start, middle, end", 9), "start,…nd");
  assert(shorten("😀".repeat(100), 50).isWellFormed());
});

const SHOWN: readonly (readonly [unknown, string])[] = [
  [undefined, "undefined"],
  [null, "null"],
  [NaN, "NaN"],
  [-1.5, "-1.5"],
  ["a\n\u001b[31m", '"a\\n\\u001b[31m"'],
  [5n, "5n"],
  [2n ** 1_000_000n, "a large bigint"],
  [Symbol("x"), "Symbol(x)"],
  [() => {}, "a function"],
  [[1, "b", [null]], '[1,"b",[null]]'],
  [Array.from({ length: 1000 }, (_, at) => at), "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,… 984 more]"],
  [{ a: 1, b: { c: [2] } }, '{"a":1,"b":{"c":[2]}}'],
  [{ a: { b: { c: { d: { e: 1 } } } } }, '{"a":{"b":{"c":{"d":{…}}}}}'],
  [new Map([[1, 2]]), "a Map"],
  [new AbortController(), "an AbortController"],
  [new Int32Array(5), "an Int32Array of 20 bytes"],
  [Object.create(null), "{}"],
];
for (const [value, shown] of SHOWN) {
  test(`showValue() shows ${shown}`, () => assertEquals(showValue(value), shown));
}

test("showValue() shows what cannot be read", () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assertEquals(showValue(proxy), "an unreadable value");
});

test("UpbeatError bounds its message and its details", () => {
  const long = "x".repeat(10_000_000);
  const error = new UpbeatError("INTERNAL", `${long}, the end`, { field: long, count: 1 });
  assert(error.message.length <= 2000 && error.message.endsWith(", the end"));
  assert(String(error.details["field"]).length <= 2000);
  assertEquals(error.details["count"], 1);
});

test("serializeError() bounds the messages of causes", () => {
  const cause = new TypeError("x".repeat(10_000_000));
  const restored = deserializeError(serializeError(new UpbeatError("INTERNAL", "failed", {}, { cause })));
  assertInstanceOf(restored.cause, TypeError);
  assert(restored.cause.message.length <= 2000);
});

test("toUpbeatError() takes anything that can be thrown", () => {
  for (const [thrown, message] of [["text", "text"], [5, "5"], [undefined, "undefined"], [Object.create(null), "{}"]]) {
    assertEquals(toUpbeatError(thrown).message, message);
  }
});
