import { assertEquals, assertGreater } from "@std/assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EMULATED, emulatedTests, NOT_EMULATED } from "../../scripts/support/emulated.ts";
import { ROOT } from "../../scripts/support/paths.ts";
import { findTestFiles } from "../../scripts/support/suites.ts";

/** Calls that open a device, or start a program that may. */
const OPENS =
  /\b(Engine\.load|openDevice|chooseDevice|with\w*Engine|\w*FaultyLibrary|testOp|OpBench|runCli|runBench)\b/;

test("every entry of the emulator's lists names existing test files, and none is in both", () => {
  const files = findTestFiles([]);
  const left = Object.values(NOT_EMULATED).flat();
  for (const prefix of [...EMULATED, ...left]) {
    assertGreater(files.filter((file) => file.startsWith(prefix)).length, 0, prefix);
  }
  assertEquals(emulatedTests(files).filter((file) => left.some((prefix) => file.startsWith(prefix))), []);
});

test("every test that opens a device is in one of the lists", () => {
  const known = [...EMULATED, ...Object.values(NOT_EMULATED).flat()];
  const forgotten = findTestFiles([]).filter((file) =>
    OPENS.test(readFileSync(join(ROOT, file), "utf8")) && !known.some((prefix) => file.startsWith(prefix))
  );
  // This file matches because it has the pattern.
  assertEquals(forgotten, ["tests/scripts/emulated_test.ts"]);
});

test("emulatedTests() keeps the order and leaves out tests without a device", () => {
  const files = [
    "tests/engine/text/jinja/template_test.ts",
    "tests/ffi/device_test.ts",
    "tests/engine/caller/engine_test.ts",
  ];
  assertEquals(emulatedTests(files), files.slice(1));
});
