/** The tests that also run on the emulated CUDA library, and why others do not. */

/**
 * What runs on the CPU library and on the emulated CUDA library alike: whatever computes on the device that is found when
 * none is named, in its own process or in one that it starts. `tests/support/libraries/emulated.ts` tells tests to be brief there,
 * where they would take minutes. {@linkcode NOT_EMULATED} says why the others are left out.
 */
export const EMULATED: readonly string[] = [
  "tests/bench/gpu_test.ts",
  "tests/cli/generate_test.ts",
  "tests/cli/interrupt_test.ts",
  "tests/cli/trace_test.ts",
  "tests/docs_test.ts",
  "tests/behaviours/numerics/activations_test.ts",
  "tests/behaviours/loading/bad_models_test.ts",
  "tests/behaviours/gpu/dependent_launch_test.ts",
  "tests/behaviours/loading/dummy_weights_test.ts",
  "tests/behaviours/requests/request_events_test.ts",
  "tests/engine/caller/engine_test.ts",
  "tests/engine/caller/event_stream_test.ts",
  "tests/behaviours/shutdown/failure_test.ts",
  "tests/behaviours/numerics/families_test.ts",
  "tests/behaviours/numerics/goldens_test.ts",
  "tests/behaviours/numerics/kv_dtype_test.ts",
  "tests/engine/telemetry/log_test.ts",
  "tests/behaviours/overlap/modes_test.ts",
  "tests/behaviours/requests/preemption_test.ts",
  "tests/engine/scheduler/prefix_cache_test.ts",
  "tests/behaviours/requests/crowded_pool_test.ts",
  "tests/engine/runner/nvtx_runner_test.ts",
  "tests/behaviours/loading/bundled_model_test.ts",
  "tests/behaviours/shutdown/dispose_test.ts",
  "tests/engine/telemetry/engine_stats_test.ts",
  "tests/engine/executor/step_reports_test.ts",
  "tests/ffi/",
  "tests/support/models/random_model_test.ts",
];

/**
 * Why tests that seem to compute do not run on the emulator once more, by the beginnings of their paths. A test that is in
 * neither list takes no device: texts, weights' files, the scheduler, everything about events, the loop on the scripted
 * device.
 */
export const NOT_EMULATED: Readonly<Record<string, readonly string[]>> = {
  "they name each library that they run on, and the emulated one is among them": [
    "tests/bench/dependent_bench_test.ts",
    "tests/engine/runner/open_device_test.ts",
    "tests/behaviours/gpu/device_faults_test.ts",
    "tests/behaviours/gpu/slow_calls_test.ts",
    "tests/behaviours/loading/load_progress_test.ts",
    "tests/ops/",
  ],
  "what they run is about the CPU library": [
    "tests/bench/ttft_test.ts",
  ],
  "their device is a scripted one": [
    "tests/behaviours/loading/library_module_test.ts",
    "tests/support/scripted/scripted_device_test.ts",
    "tests/behaviours/overlap/scripted_engine_test.ts",
  ],
  "the programs that they start open no device": [
    "tests/bench/flags_test.ts",
    "tests/cli/inspect_test.ts",
    "tests/cli/main_test.ts",
    "tests/cli/tokenize_test.ts",
  ],
};

/**
 * Those of some test files that run on the emulated library.
 *
 * @param files Paths relative to the root.
 * @returns Some of them, in their order.
 */
export function emulatedTests(files: readonly string[]): string[] {
  return files.filter((file) => EMULATED.some((prefix) => file.startsWith(prefix)));
}
