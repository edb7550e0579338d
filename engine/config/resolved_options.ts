/**
 * An engine's options after validation: every one has a value.
 *
 * @module
 */
import process from "node:process";
import { isLogEnabled } from "../telemetry/log.ts";
import { ENGINE_HOOKS, ENGINE_OPTIONS, type EngineOptions } from "./engine_options.ts";
import { type Resolved, resolveOptions } from "./option.ts";

/** Every option of an engine that is a plain value; null where the default depends on model or device. */
export type EngineOptionValues = Resolved<typeof ENGINE_OPTIONS>;

/** Options of the executor's thread: values, and switches that follow from callbacks and the environment. */
export interface ResolvedEngineOptions extends EngineOptionValues {
  /** Whether each step is reported. */
  readonly trackSteps: boolean;
  /** Whether the executor's log entries are sent to the caller. */
  readonly logToCaller: boolean;
  /** Whether both threads write their log entries to standard error (`UPBEAT_LOG=debug`). */
  readonly logToStandardError: boolean;
  /** Whether steps and phases are named for a profiler (`UPBEAT_NVTX=1`). */
  readonly ranges: boolean;
  /**
   * Whether kernels of captured steps may begin before the previous kernel has ended, on a GPU
   * (`UPBEAT_CUDA_DEPENDENT_LAUNCH=1`).
   */
  readonly dependentLaunches: boolean;
}

/**
 * Check an engine's options and fill in the defaults that need no model.
 *
 * @param options What the caller gave.
 * @returns Complete options.
 * @throws {UpbeatError} `INVALID_PARAMETER`, naming field and value.
 */
export function resolveEngineOptions(options: EngineOptions): ResolvedEngineOptions {
  const values = resolveOptions(ENGINE_OPTIONS, options);
  const hooks = resolveOptions(ENGINE_HOOKS, options);
  return {
    ...values,
    trackSteps: hooks.onStep !== null,
    logToCaller: hooks.onLog !== null,
    logToStandardError: isLogEnabled(),
    ranges: process.env["UPBEAT_NVTX"] === "1",
    dependentLaunches: process.env["UPBEAT_CUDA_DEPENDENT_LAUNCH"] === "1",
  };
}
