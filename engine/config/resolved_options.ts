/**
 * An engine's options after validation: every one has a value.
 *
 * @module
 */
import { environmentVariable } from "../../ffi/environment.ts";
import { isLogEnabled } from "../telemetry/log.ts";
import { ENGINE_HOOKS, ENGINE_OPTIONS, type EngineOptions } from "./engine_options.ts";
import { pickOptions, readOptions, type Resolved, resolveOptions } from "./option.ts";

/** Every option of an engine that is a plain value; null where the default depends on model or device. */
export type EngineOptionValues = Resolved<typeof ENGINE_OPTIONS>;

/** Callbacks and signal of an engine; null where not given. */
export type EngineHooks = Resolved<typeof ENGINE_HOOKS>;

/** An engine's options after validation. */
export interface CheckedEngineOptions {
  /** For both threads. */
  readonly options: ResolvedEngineOptions;
  /** For the caller's thread. */
  readonly hooks: EngineHooks;
  /** Whether `earlyFirstToken` was given, instead of being true by default. */
  readonly wantsEarlyFirstToken: boolean;
}

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
 * @param given What the caller gave.
 * @returns Complete options, and the callbacks.
 * @throws {UpbeatError} `INVALID_PARAMETER`, naming field and value.
 */
export function checkEngineOptions(given: EngineOptions): CheckedEngineOptions {
  const read = readOptions({ ...ENGINE_OPTIONS, ...ENGINE_HOOKS }, given);
  const hooks = resolveOptions(ENGINE_HOOKS, pickOptions(ENGINE_HOOKS, read));
  const options = {
    ...resolveOptions(ENGINE_OPTIONS, pickOptions(ENGINE_OPTIONS, read)),
    trackSteps: hooks.onStep !== null,
    logToCaller: hooks.onLog !== null,
    logToStandardError: isLogEnabled(),
    ranges: environmentVariable("UPBEAT_NVTX") === "1",
    dependentLaunches: environmentVariable("UPBEAT_CUDA_DEPENDENT_LAUNCH") === "1",
  };
  return { options, hooks, wantsEarlyFirstToken: read.earlyFirstToken === true };
}

/**
 * The options that {@linkcode checkEngineOptions} returns.
 *
 * @param given What the caller gave.
 * @returns Complete options.
 * @throws {UpbeatError} `INVALID_PARAMETER`, naming field and value.
 */
export function resolveEngineOptions(given: EngineOptions): ResolvedEngineOptions {
  return checkEngineOptions(given).options;
}
