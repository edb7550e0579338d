import { assertEquals, assertGreater } from "@std/assert";
import { test } from "node:test";
import { EMULATED, emulatedTests } from "../../scripts/support/emulated.ts";
import { findTestFiles } from "../../scripts/support/suites.ts";

test("each entry of the emulator's list names test files that there are", () => {
  const files = findTestFiles([]);
  for (const prefix of EMULATED) assertGreater(files.filter((file) => file.startsWith(prefix)).length, 0, prefix);
});

test("emulatedTests() keeps order and leaves out what takes no device", () => {
  const files = ["tests/text/jinja_test.ts", "tests/ffi/device_test.ts", "tests/engine/engine_test.ts"];
  assertEquals(emulatedTests(files), files.slice(1));
});
