/** The tests that the full run leaves out on Deno and on Node, and the ones of their kind that it keeps. */

/**
 * Prefixes of tests that a full run does on Bun only, by reason. `bun run test --deno` and runs with filters leave nothing
 * out.
 */
export const ON_ONE_RUNTIME: Readonly<Record<string, readonly string[]>> = {
  "they are TypeScript alone, without a device, a worker or a process": [
    "tests/engine/config/",
    "tests/engine/events/",
    "tests/engine/models/",
    "tests/engine/scheduler/",
    "tests/engine/text/",
    "tests/engine/weights/",
    "tests/errors_test.ts",
    "tests/std/",
    "tests/structure_test.ts",
    "tests/support/models/",
  ],
  "they compare kernels, which are the same native code on each runtime": ["tests/ops/"],
  "they are about the project's scripts and benchmarks, which run on Bun": ["tests/bench/", "tests/scripts/"],
};

/** Of the tests above, those that Deno runs too: what a different JavaScript engine may get wrong. */
export const ON_BOTH_RUNTIMES: readonly string[] = [
  "tests/bench/ttft_test.ts",
  "tests/engine/events/event_serialization_test.ts",
  "tests/engine/scheduler/prefix_cache_test.ts",
  "tests/engine/text/jinja/template_test.ts",
  "tests/engine/text/patterns/patterns_test.ts",
  "tests/engine/text/streaming/detokenizer_test.ts",
  "tests/engine/text/tokenizer/",
  "tests/engine/weights/safetensors_test.ts",
  "tests/ops/elementwise_test.ts",
  "tests/ops/sample_test.ts",
];

/** The tests on the emulated CUDA library that Deno runs too. */
export const EMULATED_ON_BOTH_RUNTIMES: readonly string[] = [
  "tests/behaviours/numerics/goldens_test.ts",
  "tests/behaviours/requests/not_finite_test.ts",
  "tests/behaviours/shutdown/dispose_test.ts",
  "tests/ffi/",
];

/** The tests that Node runs: its adapter, the engine's threads on it, and tokens from end to end. */
export const ON_NODE: readonly string[] = [
  "tests/behaviours/loading/bundled_model_test.ts",
  "tests/engine/caller/engine_test.ts",
  "tests/engine/channel/output_ring_test.ts",
  "tests/ffi/",
];

/**
 * The test files that a full run does on a runtime.
 *
 * @param runtime The runtime.
 * @param files Paths relative to the root.
 * @param emulated Whether they run on the emulated CUDA library.
 * @returns Those that do, in their order.
 */
export function fullRunTests(runtime: "bun" | "deno" | "node", files: readonly string[], emulated: boolean): string[] {
  const starts = (file: string, prefixes: readonly string[]) => prefixes.some((prefix) => file.startsWith(prefix));
  if (runtime === "bun") return [...files];
  if (runtime === "node") return files.filter((file) => starts(file, ON_NODE));
  if (emulated) return files.filter((file) => starts(file, EMULATED_ON_BOTH_RUNTIMES));
  const once = Object.values(ON_ONE_RUNTIME).flat();
  return files.filter((file) => !starts(file, once) || starts(file, ON_BOTH_RUNTIMES));
}
