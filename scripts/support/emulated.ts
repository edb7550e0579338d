/** The tests that also run on the emulated CUDA library, and how long they may take there. */

/**
 * What runs on the CPU library and on the emulated CUDA library alike: the foreign functions, models, and the engine with
 * all its modes. The op tests run on both of them by themselves. What takes no device is left out, and so is what would
 * take minutes on an emulator: `tests/support/emulated.ts` tells tests to be brief there.
 */
export const EMULATED: readonly string[] = [
  "tests/ffi/",
  "tests/models/random_model_test.ts",
  "tests/engine/bad_models_test.ts",
  "tests/engine/dependent_launch_test.ts",
  "tests/engine/dummy_weights_test.ts",
  "tests/engine/engine_events_test.ts",
  "tests/engine/engine_test.ts",
  "tests/engine/event_stream_test.ts",
  "tests/engine/failure_test.ts",
  "tests/engine/families_test.ts",
  "tests/engine/goldens_test.ts",
  "tests/engine/kv_dtype_test.ts",
  "tests/engine/log_test.ts",
  "tests/engine/modes_test.ts",
  "tests/engine/preemption_test.ts",
  "tests/engine/prefix_cache_test.ts",
  "tests/engine/ranged_runner_test.ts",
  "tests/engine/shipped_model_test.ts",
  "tests/engine/shutdown_test.ts",
  "tests/engine/stats_test.ts",
  "tests/engine/step_reports_test.ts",
];

/**
 * Those of some test files that run on the emulated library.
 *
 * @param files Paths relative to the root.
 * @returns Some of them, in their order.
 */
export function emulatedTests(files: readonly string[]): string[] {
  return files.filter((file) => EMULATED.some((prefix) => file.startsWith(prefix)));
}
