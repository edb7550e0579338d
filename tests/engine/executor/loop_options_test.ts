import { assertEquals } from "@std/assert";
import { test } from "node:test";
import type { EngineOptions } from "../../../engine/config/engine_options.ts";
import { resolveEngineOptions } from "../../../engine/config/resolved_options.ts";
import { resolveLoopOptions } from "../../../engine/executor/loop_options.ts";

/** Overlap, late launches and early first tokens, as in effect on a device. */
function inEffect(library: string, options: EngineOptions): boolean[] {
  const { overlap, lateLaunch, earlyFirstToken } = resolveLoopOptions(resolveEngineOptions(options), { library });
  return [overlap, lateLaunch, earlyFirstToken];
}

test("resolveLoopOptions() overlaps steps by default where the device has a processor of its own", () => {
  assertEquals(inEffect("cuda", {}), [true, true, true]);
  assertEquals(inEffect("cpu", {}), [false, false, false]);
});

test("resolveLoopOptions() overlaps steps on the CPU on request, and never delays launches there", () => {
  assertEquals(inEffect("cpu", { overlap: true, lateLaunch: true }), [true, false, true]);
  assertEquals(inEffect("cpu", { overlap: true, earlyFirstToken: false }), [true, false, false]);
});

test("resolveLoopOptions() turns off what needs overlap without it", () => {
  assertEquals(inEffect("cuda", { overlap: false, lateLaunch: true, earlyFirstToken: true }), [false, false, false]);
  assertEquals(inEffect("cuda", { lateLaunch: false }), [true, false, true]);
});
