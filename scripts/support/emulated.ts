/** The tests that also run on the emulated CUDA library, and the reasons why others do not. */

/**
 * Tests that run on the CPU library and again on the emulated CUDA library: all that compute on the default device, in their
 * own process or in one that they start. `tests/support/libraries/emulated.ts` shortens those that would take minutes.
 * {@linkcode NOT_EMULATED} says why others are left out.
 */
export const EMULATED: readonly string[] = [
  "tests/bench/gpu_test.ts",
  "tests/cli/commands/generate_test.ts",
  "tests/cli/terminal/interrupt_test.ts",
  "tests/cli/commands/trace_test.ts",
  "tests/docs_test.ts",
  "tests/behaviours/numerics/activations_test.ts",
  "tests/behaviours/loading/bad_models_test.ts",
  "tests/behaviours/gpu/dependent_launch_test.ts",
  "tests/behaviours/loading/dummy_weights_test.ts",
  "tests/behaviours/requests/request_events_test.ts",
  "tests/engine/caller/engine_test.ts",
  "tests/engine/caller/event_stream_test.ts",
  "tests/engine/caller/user_callback_test.ts",
  "tests/behaviours/shutdown/failure_test.ts",
  "tests/behaviours/numerics/families_test.ts",
  "tests/behaviours/numerics/gguf_test.ts",
  "tests/behaviours/numerics/goldens_test.ts",
  "tests/behaviours/numerics/kv_dtype_test.ts",
  "tests/engine/telemetry/log_test.ts",
  "tests/behaviours/overlap/modes_test.ts",
  "tests/behaviours/requests/preemption_test.ts",
  "tests/engine/scheduler/prefix_cache_test.ts",
  "tests/behaviours/requests/chat_requests_test.ts",
  "tests/behaviours/requests/crowded_pool_test.ts",
  "tests/behaviours/requests/not_finite_test.ts",
  "tests/engine/runner/nvtx_runner_test.ts",
  "tests/behaviours/loading/bundled_model_test.ts",
  "tests/behaviours/shutdown/dispose_test.ts",
  "tests/engine/telemetry/engine_stats_test.ts",
  "tests/engine/executor/step_reports_test.ts",
  "tests/ffi/",
  "tests/support/models/random_model_test.ts",
];

/**
 * Prefixes of tests that open a device but do not run on the emulator, by reason. Tests in neither list open no device: text,
 * weight files, the scheduler, events, the loop on the scripted device.
 */
export const NOT_EMULATED: Readonly<Record<string, readonly string[]>> = {
  "they name the libraries they run on, including the emulated one": [
    "tests/bench/dependent_bench_test.ts",
    "tests/engine/runner/open_device_test.ts",
    "tests/behaviours/gpu/device_faults_test.ts",
    "tests/behaviours/gpu/slow_calls_test.ts",
    "tests/behaviours/loading/load_progress_test.ts",
    "tests/ops/",
  ],
  "they are about the caller's side, whatever the library": [
    "tests/behaviours/requests/chaos_test.ts",
    "tests/behaviours/shutdown/collected_test.ts",
  ],
  "they are about the CPU library": [
    "tests/bench/ttft_test.ts",
    "tests/behaviours/shutdown/worker_end_test.ts",
    "tests/scripts/compile_test.ts",
    "tests/scripts/pack_test.ts",
  ],
  "they use a scripted device": [
    "tests/behaviours/loading/library_module_test.ts",
    "tests/support/scripted/scripted_device_test.ts",
    "tests/behaviours/overlap/scripted_engine_test.ts",
  ],
  "what they test happens before any step": [
    "tests/behaviours/loading/special_files_test.ts",
    "tests/cli/main_test.ts",
    "tests/behaviours/requests/long_prompts_test.ts",
    "tests/behaviours/requests/wrong_options_test.ts",
    "tests/behaviours/requests/wrong_prompts_test.ts",
    "tests/engine/caller/abort_test.ts",
    "tests/engine/caller/text_thread_test.ts",
  ],
  "the programs they start open no device": [
    "tests/bench/flags_test.ts",
    "tests/cli/commands/inspect_test.ts",
    "tests/cli/commands/tokenize_test.ts",
  ],
};

/**
 * The test files that run on the emulated library.
 *
 * @param files Paths relative to the root.
 * @returns Those that do, in their order.
 */
export function emulatedTests(files: readonly string[]): string[] {
  return files.filter((file) => EMULATED.some((prefix) => file.startsWith(prefix)));
}
