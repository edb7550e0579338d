import { assertEquals, assertLess } from "@std/assert";
import { test } from "node:test";
import { jsonExcess } from "../../../engine/files/json_bounds.ts";

const LEVELS = "it is nested more than 128 levels deep";

/** Enough for the text not to be short. */
const PADDING = " ".repeat(2 ** 20);

test("jsonExcess() refuses deep nesting, and nothing that only looks like it", () => {
  const texts: [string, string | null][] = [
    ["[".repeat(128) + "]".repeat(128), null],
    ["[".repeat(129) + "]".repeat(129), LEVELS],
    ['{"a":[1,'.repeat(65), LEVELS],
    [`"${"[".repeat(1000)}"`, null],
    [`"\\"${"[".repeat(1000)}"`, null],
    [`"\\\\"${"[".repeat(1000)}`, LEVELS],
    ["[],".repeat(1000), null],
    ['"', null],
    ['"\\', null],
    ["", null],
  ];
  for (const [text, excess] of texts) assertEquals(jsonExcess(text + PADDING), excess, text.slice(0, 20));
  assertEquals(jsonExcess("[".repeat(1000)), null);
});

test("jsonExcess() refuses more values than a machine has memory for", () => {
  assertEquals(jsonExcess(`[${"{},".repeat(5_000_001)}{}]`), "it has more than 10 million values");
  assertEquals(jsonExcess(`["${",".repeat(11_000_000)}"]`), null);
});

test("jsonExcess() takes time in proportion to the text", () => {
  const start = performance.now();
  for (const text of ['"', '\\"', '"\\\\', '"\\', "[]", '{"":', "\\"]) jsonExcess(text.repeat(3_000_000));
  assertLess(performance.now() - start, 5000);
});
