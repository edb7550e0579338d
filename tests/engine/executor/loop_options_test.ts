import { assertEquals } from "@std/assert";
import { test } from "node:test";
import type { EngineOptions } from "../../../engine/config/engine_options.ts";
import { resolveEngineOptions } from "../../../engine/config/resolved_options.ts";
import { resolveLoopOptions } from "../../../engine/executor/loop_options.ts";

/** The resolved values of overlap, lateLaunch and earlyFirstToken. */
function resolve(library: string, options: EngineOptions): boolean[] {
  const { overlap, lateLaunch, earlyFirstToken } = resolveLoopOptions(resolveEngineOptions(options), { library });
  return [overlap, lateLaunch, earlyFirstToken];
}

test("resolveLoopOptions() overlaps steps by default where the device has a processor of its own", () => {
  assertEquals(resolve("cuda", {}), [true, true, true]);
  assertEquals(resolve("cpu", {}), [false, false, false]);
});

test("resolveLoopOptions() overlaps steps on the CPU on request, and never delays launches there", () => {
  assertEquals(resolve("cpu", { overlap: true, lateLaunch: true }), [true, false, true]);
  assertEquals(resolve("cpu", { overlap: true, earlyFirstToken: false }), [true, false, false]);
});

test("resolveLoopOptions() turns off what needs overlap without it", () => {
  assertEquals(resolve("cuda", { overlap: false, lateLaunch: true, earlyFirstToken: true }), [false, false, false]);
  assertEquals(resolve("cuda", { lateLaunch: false }), [true, false, true]);
});
