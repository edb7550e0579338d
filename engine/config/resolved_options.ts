/**
 * An engine's options after validation: every field has a value.
 *
 * @module
 */
import type { ActivationType } from "../models/weight_loader.ts";
import type { CacheDtype } from "../models/memory.ts";

/** How an engine is set up; every field is known. */
export interface ResolvedEngineOptions {
  readonly device: "auto" | "cpu" | "cuda";
  readonly libraryPath: string | null;
  readonly threads: number;
  readonly simd: "AUTO" | "PORTABLE" | "AVX2" | "AVX512" | "AMX" | "NEON";
  readonly weights: "files" | "dummy";
  readonly weightSeed: number;
  readonly maxBatchTokens: number;
  readonly maxBatchRequests: number;
  /** null: as many as fit the memory, up to what full batches need. */
  readonly kvBlocks: number | null;
  readonly blockSize: number;
  readonly kvDtype: CacheDtype | null;
  readonly activations: ActivationType;
  /** null: the model's own, up to a bound. */
  readonly maxContext: number | null;
  /** Whether sequences that begin alike share KV blocks. */
  readonly prefixCache: boolean;
  /** Whether each step is reported. */
  readonly trackSteps: boolean;
  /** Milliseconds. */
  readonly stallTimeout: number;
  /** Whether the next step is launched before the last one's tokens are read. */
  readonly overlap: boolean;
  /** Whether the launch of a decode step waits for requests that arrive. */
  readonly lateLaunch: boolean;
  /** Whether first tokens are handed over before anything else is done. */
  readonly earlyFirstToken: boolean;
  /** Tokens of a request that are handed over at once, after its first one. */
  readonly streamInterval: number;
  /** Whether the executor's log entries are sent to the caller. */
  readonly logToCaller: boolean;
  /** Whether both threads write their log entries to standard error. */
  readonly logToStandardError: boolean;
  /** Whether a profiler is told the names of steps and phases. */
  readonly ranges: boolean;
  /** Whether kernels of captured steps may begin before the kernel before them has ended, on a GPU. */
  readonly dependentLaunches: boolean;
}
