import { assertEquals } from "@std/assert";
import process from "node:process";
import { test } from "node:test";
import { environmentVariable } from "../../ffi/environment.ts";

test("environmentVariable() is undefined for variables that are not set or empty", () => {
  process.env["UPBEAT_TEST_VARIABLE"] = "value";
  assertEquals(environmentVariable("UPBEAT_TEST_VARIABLE"), "value");
  process.env["UPBEAT_TEST_VARIABLE"] = "";
  assertEquals(environmentVariable("UPBEAT_TEST_VARIABLE"), undefined);
  delete process.env["UPBEAT_TEST_VARIABLE"];
  assertEquals(environmentVariable("UPBEAT_TEST_VARIABLE"), undefined);
});
