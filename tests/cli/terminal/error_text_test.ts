import { assertEquals, assertLess } from "@std/assert";
import { test } from "node:test";
import { errorText } from "../../../cli/terminal/error_text.ts";

const TEXTS: readonly (readonly [message: string, line: string])[] = [
  ["lower maxContext or kvBlocks", "lower --max-context or --kv-blocks"],
  ["set kvDtype to bf16: it helps", "set --kv-dtype to bf16: it helps"],
  ["lateLaunch needs overlap", "--no-late-launch needs overlap"],
  ["/models/maxContext/config.json and maxContext.ts", "/models/maxContext/config.json and maxContext.ts"],
  ['model is "maxContext"', 'model is "maxContext"'],
  ["two\n  lines", "two lines"],
  ["a\u001b[31mb\u0007\u009b", "a\\x1b[31mb\\x07\\x9b"],
];
for (const [message, line] of TEXTS) {
  test(`errorText() writes ${JSON.stringify(message)} as ${line}`, () => assertEquals(errorText(message), line));
}

test("errorText() bounds the line", () => {
  assertLess(errorText("x".repeat(1_000_000)).length, 2001);
});
