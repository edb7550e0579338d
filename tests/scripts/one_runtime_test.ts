import { assert, assertEquals, assertGreater } from "@std/assert";
import { test } from "node:test";
import { emulatedTests } from "../../scripts/support/emulated.ts";
import {
  EMULATED_ON_BOTH_RUNTIMES,
  fullRunTests,
  ON_BOTH_RUNTIMES,
  ON_NODE,
  ON_ONE_RUNTIME,
} from "../../scripts/support/one_runtime.ts";
import { findTestFiles } from "../../scripts/support/suites.ts";

const files = findTestFiles([]);
const once = Object.values(ON_ONE_RUNTIME).flat();

test("every entry of the lists of one runtime names existing test files", () => {
  for (const prefix of [...once, ...ON_BOTH_RUNTIMES, ...ON_NODE]) {
    assertGreater(files.filter((file) => file.startsWith(prefix)).length, 0, prefix);
  }
  for (const prefix of EMULATED_ON_BOTH_RUNTIMES) {
    assertGreater(emulatedTests(files).filter((file) => file.startsWith(prefix)).length, 0, prefix);
  }
  for (const file of ON_BOTH_RUNTIMES) assert(once.some((prefix) => file.startsWith(prefix)), file);
});

test("fullRunTests() leaves out what one runtime covers and keeps the rest in order", () => {
  const some = [
    "tests/engine/caller/engine_test.ts",
    "tests/engine/text/chat_content_test.ts",
    "tests/engine/text/tokenizer/tokenizer_test.ts",
    "tests/ffi/device_test.ts",
    "tests/ops/linear_test.ts",
  ];
  assertEquals(fullRunTests("bun", some, false), some);
  assertEquals(fullRunTests("deno", some, false), [some[0]!, some[2]!, some[3]!]);
  assertEquals(fullRunTests("deno", some, true), [some[3]!]);
  assertEquals(fullRunTests("node", some, false), [some[0]!, some[3]!]);
});
