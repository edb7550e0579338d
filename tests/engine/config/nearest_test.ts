import { assertEquals, assertLess } from "@std/assert";
import { test } from "node:test";
import { nearest } from "../../../engine/config/nearest.ts";

test("nearest() returns a name that was probably meant, or null", () => {
  const names = ["temperature", "top-k", "top-p", "seed", "stop"];
  assertEquals(nearest("temprature", names), "temperature");
  assertEquals(nearest("topk", names), "top-k");
  assertEquals(nearest("Top_K", names), "top-k");
  assertEquals(nearest("sede", ["seed"]), null);
  assertEquals(nearest("see", names), "seed");
  assertEquals(nearest("verbose", names), null);
  assertEquals(nearest("", names), null);
});

test("nearest() compares only the beginning of a long text", () => {
  const start = performance.now();
  assertEquals(nearest("temperature".repeat(1e6), ["temperature"]), null);
  assertLess(performance.now() - start, 2_000);
});
