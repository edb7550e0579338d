/**
 * An engine's options: what a caller may say, checked; and the sizes that follow from them for one model on one device.
 *
 * @module
 */
import process from "node:process";
import { type LogEntry, logIsAskedFor } from "../telemetry/log.ts";
import type { ResolvedEngineOptions } from "./resolved_options.ts";
import type { StepReport } from "../telemetry/step_report.ts";
import { integer, invalid } from "./checks.ts";
import type { TrackingOptions } from "./tracking.ts";

/** How far loading is. */
export interface LoadProgress {
  /** Bytes of weights on the device. */
  readonly loadedBytes: number;
  /** Bytes of weights in all. */
  readonly totalBytes: number;
}

/** How an engine is set up. Everything is optional. */
export interface EngineOptions extends TrackingOptions {
  /** `"cpu"`, `"cuda"`, or `"auto"` (default): CUDA where there is a usable GPU, else the CPU. */
  readonly device?: "auto" | "cpu" | "cuda" | undefined;
  /**
   * Path of the device library, instead of looking for it. A module (`.ts`, `.js`, `.mjs`) is a device made of JavaScript:
   * the executor's thread imports it, and it exports `createLibrary(): DeviceLibrary`; `device` does not matter then.
   */
  readonly library?: string | undefined;
  /** Compute threads of the CPU library; 0 (default): one per usable core. */
  readonly threads?: number | undefined;
  /** Instruction set of the CPU library; `"auto"` (default): the widest. */
  readonly simd?: "auto" | "portable" | "avx2" | "avx512" | "amx" | "neon" | undefined;
  /**
   * Where weights come from: `"files"` (default), the model folder; or `"dummy"`, nowhere: they are made up at random on the
   * device, as BF16, and the folder needs no more than a `config.json`. For benchmarks of a model's shape.
   */
  readonly weights?: "files" | "dummy" | undefined;
  /** Seed of dummy weights. Default 0. */
  readonly weightSeed?: number | undefined;
  /** Tokens computed in one step, at most; longer prompts are computed in chunks. Default 512. */
  readonly maxBatchTokens?: number | undefined;
  /** Requests that run at the same time, at most. Default 32. */
  readonly maxBatchRequests?: number | undefined;
  /** KV blocks in the pool. Default: what full batches of ordinary length need, within a part of the free memory. */
  readonly kvBlocks?: number | undefined;
  /** Tokens per KV block. Default 16. */
  readonly blockSize?: number | undefined;
  /** Element type of the KV cache: `"f32"` (default on a CPU), or `"bf16"` (default on a GPU): half the bytes, less precise. */
  readonly kvDtype?: "f32" | "bf16" | undefined;
  /**
   * What matrices are multiplied with: activations as they are, `"float32"` (default), or rounded to bfloat16 first, as other
   * engines do, which takes matrix units a third of the products. The latter needs the CUDA library and weights in F16 or
   * BF16, or a CPU with AMX and weights in BF16; elsewhere loading fails with `DEVICE_UNAVAILABLE`.
   */
  readonly activations?: "float32" | "bfloat16" | undefined;
  /** Tokens of the longest sequence, prompt and output. Default: the model's own, but at most 8192. */
  readonly maxContext?: number | undefined;
  /** Whether prompts that begin like earlier ones reuse their KV blocks; it changes times, never tokens. Default true. */
  readonly prefixCache?: boolean | undefined;
  /**
   * Whether a step is launched before the last one's tokens are read, so that the device never waits for the host; it
   * changes times, never tokens. Default true.
   */
  readonly overlap?: boolean | undefined;
  /**
   * Whether the launch of a step waits until shortly before the last one ends, as far as that can be told, or on the CPU
   * library until it has ended, so that a request that arrives meanwhile is in it. Only with `overlap`. Default true.
   */
  readonly lateLaunch?: boolean | undefined;
  /**
   * Whether a request's first token is handed over before anything else is done. Needs `overlap`; without it, this is
   * ignored with a warning. Default: as `overlap`.
   */
  readonly earlyFirstToken?: boolean | undefined;
  /**
   * Tokens that are handed over at once: chunks end at a request's first token, at each multiple of this, and at its end.
   * Larger numbers cost less where many requests run; text comes in larger pieces. Default 1.
   */
  readonly streamInterval?: number | undefined;
  /** Milliseconds after which a device that finishes no step counts as stalled. Default 600 000. */
  readonly stallTimeout?: number | undefined;
  /**
   * Requests that may wait for their first admission; further ones fail with `QUEUE_FULL`. A request waits until the first
   * step that computes some of it, also when there is room. Default: no bound.
   */
  readonly maxQueue?: number | undefined;
  /**
   * Called while weights are loaded: at the beginning with no bytes, then as the embedding and each layer arrive on the
   * device. Bytes always rise, and the last call has all of them.
   */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /**
   * Called for each step, in order, after what became of its requests was told: a step's report is there before the result
   * of a request that ended in it. Without it no reports are made. It must not throw.
   */
  readonly onStep?: ((report: StepReport) => void) | undefined;
  /**
   * Called for each point of the debug log: those of this thread at once, those of the executor's thread as their messages
   * arrive. What the latter cannot send any more it writes to standard error. `UPBEAT_LOG=debug` in the environment writes
   * all of it there, with or without this.
   */
  readonly onLog?: ((entry: LogEntry) => void) | undefined;
  /** Ends loading when it aborts: `Engine.load` then rejects with `ENGINE_CLOSED`. Without effect on a loaded engine. */
  readonly signal?: AbortSignal | undefined;
}

/** How an engine is disposed of. */
export interface DisposeOptions {
  /** Whether what runs or waits may finish; else (default) it is cancelled. New requests are refused either way. */
  readonly drain?: boolean | undefined;
  /** With `drain`: milliseconds after which what is not finished is cancelled all the same. Default 30 000. */
  readonly timeout?: number | undefined;
}

/**
 * Check an engine's options and fill in the defaults that need no model.
 *
 * @param options What the caller said.
 * @returns Complete options.
 * @throws {UpbeatError} `INVALID_PARAMETER`, naming field and value.
 */
export function resolveEngineOptions(options: EngineOptions): ResolvedEngineOptions {
  const int32 = 2 ** 31 - 1;
  const overlap = boolean("overlap", options.overlap ?? true);
  const earlyFirstToken = boolean("earlyFirstToken", options.earlyFirstToken ?? overlap);
  return {
    device: oneOf("device", options.device ?? "auto", ["auto", "cpu", "cuda"]),
    libraryPath: options.library ?? null,
    threads: integer("threads", options.threads ?? 0, 0, 1024),
    simd: oneOf("simd", (options.simd ?? "auto").toUpperCase(), ["AUTO", "PORTABLE", "AVX2", "AVX512", "AMX", "NEON"]),
    weights: oneOf("weights", options.weights ?? "files", ["files", "dummy"]),
    weightSeed: integer("weightSeed", options.weightSeed ?? 0, 0, int32),
    maxBatchTokens: integer("maxBatchTokens", options.maxBatchTokens ?? 512, 1, 2 ** 20),
    maxBatchRequests: integer("maxBatchRequests", options.maxBatchRequests ?? 32, 1, 4096),
    kvBlocks: options.kvBlocks === undefined ? null : integer("kvBlocks", options.kvBlocks, 1, int32),
    blockSize: integer("blockSize", options.blockSize ?? 16, 1, 1024),
    kvDtype: options.kvDtype === undefined
      ? null
      : oneOf("kvDtype", options.kvDtype.toUpperCase(), ["F32", "BF16"] as const),
    activations: oneOf("activations", options.activations ?? "float32", ["float32", "bfloat16"]),
    maxContext: options.maxContext === undefined ? null : integer("maxContext", options.maxContext, 2, int32),
    prefixCache: boolean("prefixCache", options.prefixCache ?? true),
    trackSteps: isGiven("onStep", options.onStep),
    stallTimeout: integer("stallTimeout", options.stallTimeout ?? 600_000, 1, int32),
    overlap,
    lateLaunch: overlap && boolean("lateLaunch", options.lateLaunch ?? true),
    earlyFirstToken: overlap && earlyFirstToken,
    streamInterval: integer("streamInterval", options.streamInterval ?? 1, 1, int32),
    logToCaller: isGiven("onLog", options.onLog),
    logToStandardError: logIsAskedFor(),
    ranges: process.env["UPBEAT_NVTX"] === "1",
    dependentLaunches: process.env["UPBEAT_CUDA_DEPENDENT_LAUNCH"] === "1",
  };
}

function boolean(field: string, value: boolean): boolean {
  if (typeof value !== "boolean") throw invalid(field, "must be true or false", value);
  return value;
}

/** Whether a callback is given. */
function isGiven(field: string, callback: unknown): boolean {
  if (callback !== undefined && typeof callback !== "function") throw invalid(field, "must be a function", callback);
  return callback !== undefined;
}

function oneOf<Value extends string>(field: string, value: string, allowed: readonly Value[]): Value {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) {
    throw invalid(field, `must be one of ${allowed.map((name) => name.toLowerCase()).join(", ")}`, value.toLowerCase());
  }
  return found;
}
