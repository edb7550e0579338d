import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { describeOptions } from "../../../engine/config/engine_info.ts";
import {
  DISPOSE_OPTIONS,
  ENGINE_HOOKS,
  ENGINE_OPTIONS,
  type EngineOptions,
} from "../../../engine/config/engine_options.ts";
import { resolveOptions } from "../../../engine/config/option.ts";
import { checkEngineOptions, resolveEngineOptions } from "../../../engine/config/resolved_options.ts";
import { showValue } from "../../../errors.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";

test("resolveEngineOptions() returns a value that crosses threads for every option", () => {
  const resolved = resolveEngineOptions({ onStep: () => {}, onLog: () => {}, signal: new AbortController().signal });
  assertEquals(structuredClone(resolved), resolved);
  for (const name of Object.keys(ENGINE_OPTIONS)) assertEquals(Object.hasOwn(resolved, name), true, name);
  assertEquals([resolved.trackSteps, resolved.logToCaller], [true, true]);
});

const REFUSED: readonly (readonly [keyof EngineOptions, unknown])[] = [
  ["device", "gpu"],
  ["library", 5],
  ["threads", -1],
  ["simd", "AVX2"],
  ["maxContext", 1],
  ["maxBatchTokens", 2 ** 20 + 1],
  ["maxBatchRequests", 0],
  ["maxQueue", 0],
  ["kvDtype", "f16"],
  ["kvBlocks", 0.5],
  ["blockSize", 1025],
  ["activations", "float16"],
  ["weights", "random"],
  ["overlap", "yes"],
  ["streamInterval", 0],
  ["stallTimeout", 0],
  ["trackDetailEvents", 1],
  ["onProgress", {}],
  ["onStep", "print"],
  ["signal", {}],
];
for (const [name, value] of REFUSED) {
  test(`resolveEngineOptions() refuses ${name} = ${showValue(value)}, naming both`, () => {
    assertUpbeatError(() => resolveEngineOptions({ [name]: value }), "INVALID_PARAMETER", name, showValue(value));
  });
}

test("resolveEngineOptions() refuses an option that does not exist", () => {
  const options = { max_context: 64 } as EngineOptions;
  assertUpbeatError(
    () => resolveEngineOptions(options),
    "INVALID_PARAMETER",
    "max_context",
    "did you mean maxContext?",
  );
});

test("checkEngineOptions() takes null for an option that was left out", () => {
  const nulls = Object.fromEntries(Object.keys({ ...ENGINE_OPTIONS, ...ENGINE_HOOKS }).map((name) => [name, null]));
  assertEquals(checkEngineOptions(nulls), checkEngineOptions({}));
});

test("describeOptions() has every option in effect, some of them as fields of their own", () => {
  const resolved = resolveEngineOptions({ kvBlocks: 99, streamInterval: 3 });
  const loop = { overlap: true, lateLaunch: false, earlyFirstToken: true };
  const values = { maxContext: 64, maxBatchRequests: 8, kvBlocks: 4, kvDtype: "BF16", ...loop } as const;
  const { options, ...fields } = describeOptions(resolved, values);
  assertEquals(Object.keys(options), Object.keys(ENGINE_OPTIONS));
  const { maxContext, maxBatchRequests, kvBlocks, kvDtype, streamInterval } = options;
  assertEquals([maxContext, maxBatchRequests, kvBlocks, kvDtype, streamInterval], [64, 8, 4, "bf16", 3]);
  assertEquals(fields, {
    ...{ maxContext: 64, maxBatchTokens: 512, maxBatchRequests: 8, kvBlocks: 4, blockSize: 16, kvDtype: "BF16" },
    ...{ activations: "auto", ...loop, streamInterval: 3 },
  });
});

test("resolveOptions() refuses a timeout that a timer cannot take", () => {
  assertUpbeatError(() => resolveOptions(DISPOSE_OPTIONS, { timeout: 2 ** 31 }), "INVALID_PARAMETER", "timeout");
});
