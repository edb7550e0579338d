/** The tests that also run on the emulated CUDA library, and why others do not. */

/**
 * What runs on the CPU library and on the emulated CUDA library alike: whatever computes on the device that is found when
 * none is named, in its own process or in one that it starts. `tests/support/emulated.ts` tells tests to be brief there,
 * where they would take minutes. {@linkcode NOT_EMULATED} says why the others are left out.
 */
export const EMULATED: readonly string[] = [
  "tests/bench/gpu_test.ts",
  "tests/cli/generate_test.ts",
  "tests/cli/interrupt_test.ts",
  "tests/cli/trace_test.ts",
  "tests/docs_test.ts",
  "tests/engine/activations_test.ts",
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
  "tests/engine/pressure_test.ts",
  "tests/engine/ranged_runner_test.ts",
  "tests/engine/shipped_model_test.ts",
  "tests/engine/shutdown_test.ts",
  "tests/engine/stats_test.ts",
  "tests/engine/step_reports_test.ts",
  "tests/ffi/",
  "tests/models/random_model_test.ts",
];

/**
 * Why tests that seem to compute do not run on the emulator once more, by the beginnings of their paths. A test that is in
 * neither list takes no device: texts, weights' files, the scheduler, everything about events, the loop on the scripted
 * device.
 */
export const NOT_EMULATED: Readonly<Record<string, readonly string[]>> = {
  "they name each library that they run on, and the emulated one is among them": [
    "tests/bench/dependent_bench_test.ts",
    "tests/engine/choose_device_test.ts",
    "tests/engine/cuda_faults_test.ts",
    "tests/engine/cuda_steps_test.ts",
    "tests/engine/load_progress_test.ts",
    "tests/ops/",
  ],
  "what they run is about the CPU library": ["tests/bench/ttft_test.ts", "tests/engine/shared_cores_test.ts"],
  "their device is a scripted one": [
    "tests/engine/library_module_test.ts",
    "tests/engine/scripted_device_test.ts",
    "tests/engine/scripted_engine_test.ts",
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
