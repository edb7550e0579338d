/**
 * The options of `Engine.load`, `engine.events` and `engine.dispose`.
 *
 * To add one, add an entry here and use it: see `engine/config/option.ts` for what follows from the entry.
 *
 * @module
 */
import type { LogEntry } from "../telemetry/log.ts";
import type { StepReport } from "../telemetry/step_report.ts";
import { MAX_INT32 } from "./checks.ts";
import { abortSignal, boolean, callback, choice, type Given, integer, text } from "./option.ts";
import { TRACKING_OPTIONS } from "./tracking.ts";

/** Progress of loading. */
export interface LoadProgress {
  /** Bytes of weights on the device. */
  readonly loadedBytes: number;
  /** Bytes of weights in all. */
  readonly totalBytes: number;
}

/** Options that are plain values: they cross threads, and `engine.info.options` has them all. */
export const ENGINE_OPTIONS = {
  /** Where to compute. `"auto"` is CUDA if there is a usable GPU, else the CPU. Default: `"auto"`. */
  device: choice(["auto", "cpu", "cuda"], { default: "auto", help: "where to compute" }),
  /**
   * Path of the device library, or of the folder that has it, instead of searching for it. A module (`.ts`, `.js`, `.mjs`)
   * is a device written in JavaScript: the executor's thread imports it and calls its export
   * `createLibrary(): DeviceLibrary`; `device` is then ignored.
   */
  library: text({ placeholder: "FILE", help: "the device library, instead of searching for it" }),
  /** Compute threads of the CPU library; 0: one per usable core. Default: 0. */
  threads: integer({ min: 0, max: 1024, default: 0, help: "compute threads; 0: one per usable core" }),
  /** Instruction set of the CPU library; `"auto"`: the widest one available. Default: `"auto"`. */
  simd: choice(["auto", "portable", "avx2", "avx512", "amx", "neon"], {
    default: "auto",
    help: "instruction set of the CPU library",
  }),
  /** Tokens of the longest sequence, prompt and output together. Default: the model's own limit, at most 8192. */
  maxContext: integer({
    min: 2,
    max: MAX_INT32,
    defaultText: "the model's own limit, at most 8192",
    help: "tokens of the longest sequence, prompt and output together",
  }),
  /** Tokens computed in one step, at most; longer prompts are split into chunks. Default: 512. */
  maxBatchTokens: integer({
    min: 1,
    max: 2 ** 20,
    default: 512,
    help: "tokens computed in one step, at most; longer prompts are split into chunks",
  }),
  /** Requests that run at the same time, at most. Default: 32. */
  maxBatchRequests: integer({ min: 1, max: 4096, default: 32, help: "requests that run at the same time, at most" }),
  /**
   * Requests that may wait for admission; further ones fail with `QUEUE_FULL`. A request waits until the first step that
   * computes some of it, even when there is room. Default: unlimited.
   */
  maxQueue: integer({
    min: 1,
    max: MAX_INT32,
    defaultText: "unlimited",
    help: "requests that may wait for admission; further ones fail",
  }),
  /** Element type of the KV cache. `"bf16"` halves its size at less precision. Default: `"bf16"` on a GPU, else `"f32"`. */
  kvDtype: choice(["f32", "bf16"], {
    defaultText: '`"bf16"` on a GPU, else `"f32"`',
    help: "element type of the KV cache",
  }),
  /**
   * Blocks of the KV cache. Default: enough for full batches of ordinary length, within half of the memory that is free.
   */
  kvBlocks: integer({
    min: 1,
    max: MAX_INT32,
    defaultText: "enough for full batches of ordinary length, within half of the memory that is free",
    help: "blocks of the KV cache",
  }),
  /** Tokens per KV block. Default: 16. */
  blockSize: integer({ min: 1, max: 1024, default: 16, help: "tokens per KV block" }),
  /**
   * Inputs of matrix products: `"float32"` as computed, or rounded to `"bfloat16"`, as other engines do, which costs matrix
   * units a third of the products. The latter needs CUDA and weights in F16, BF16 or a quantized type, or a CPU with AMX and
   * weights in BF16; elsewhere loading fails with `DEVICE_UNAVAILABLE`. `"auto"` is `"float32"`, but with quantized weights
   * on a CPU inputs are 8-bit integers with a scale for every 32 (docs/formats.md). Default: `"auto"`.
   */
  activations: choice(["auto", "float32", "bfloat16"], { default: "auto", help: "inputs of matrix products" }),
  /**
   * Source of the weights: `"files"` of the model folder, or `"dummy"`: random BF16 weights made on the device, for which the
   * folder needs only a `config.json`. For benchmarks of a model's shape. Default: `"files"`.
   */
  weights: choice(["files", "dummy"], { default: "files" }),
  /** Seed of dummy weights. Default: 0. */
  weightSeed: integer({ min: 0, max: MAX_INT32, default: 0 }),
  /** Whether prompts share the KV blocks of a common prefix. It changes times, never tokens. Default: true. */
  prefixCache: boolean({ default: true }),
  /**
   * Whether a step is launched before the tokens of the last one are read, so that the device never waits for the host. It
   * changes times, never tokens: on the CPU library, whose threads take cores from the host, it raises throughput and delays
   * the requests that arrive meanwhile. Default: true, but false on the CPU library.
   */
  overlap: boolean({
    defaultText: "true, but false on the CPU library",
    help: "launch each step before the tokens of the last one are read",
  }),
  /**
   * Whether the launch of a step is delayed until shortly before the last one ends, so that requests which arrive meanwhile
   * join it. Needs `overlap`; without effect on the CPU library. Default: true.
   */
  lateLaunch: boolean({
    default: true,
    help: "launch each step at once, without waiting for requests that may arrive",
  }),
  /**
   * Whether a request's first token is emitted before any other work. Needs `overlap`; without it, this is ignored, with a
   * warning if it is given. Default: true.
   */
  earlyFirstToken: boolean({
    default: true,
    help: "emit first tokens together with all others",
  }),
  /**
   * Tokens per chunk: a chunk ends at a request's first token, at each multiple of this, and at the request's end. Larger
   * chunks cost less where many requests run. Default: 1.
   */
  streamInterval: integer({ min: 1, max: MAX_INT32, default: 1, help: "tokens per chunk, after the first token" }),
  /** Milliseconds after which a device that completes no step counts as stalled. Default: 600000. */
  stallTimeout: integer({ min: 1, max: MAX_INT32, default: 600_000 }),
  ...TRACKING_OPTIONS,
} as const;

/** Options that stay on the caller's thread. */
export const ENGINE_HOOKS = {
  /**
   * Called while weights are loaded: first with no bytes, then as the embedding and each layer arrive on the device. Bytes
   * never fall, and the last call has all of them. An error that it throws ends loading.
   */
  onProgress: callback<(progress: LoadProgress) => void>("(progress: LoadProgress) => void"),
  /**
   * Called for each step, in order, after the events of its requests: a step's report precedes the result of a request that
   * ended in it. Without it no reports are made. The first error that it throws is reported as a process warning.
   */
  onStep: callback<(report: StepReport) => void>("(report: StepReport) => void"),
  /**
   * Called for each entry of the debug log: those of this thread at once, those of the executor's thread as their messages
   * arrive. Entries that the executor can no longer send go to standard error. `UPBEAT_LOG=debug` in the environment writes
   * all of them there, with or without this, and so is an entry on which this throws.
   */
  onLog: callback<(entry: LogEntry) => void>("(entry: LogEntry) => void"),
  /** Stops loading when it aborts: `Engine.load` rejects with `ENGINE_CLOSED`. It has no effect on a loaded engine. */
  signal: abortSignal(),
} as const;

/** Options of `Engine.load`; all are optional. */
export interface EngineOptions extends Given<typeof ENGINE_OPTIONS>, Given<typeof ENGINE_HOOKS> {}

/** The options of `engine.events`. */
export const EVENT_STREAM_OPTIONS = {
  /** Events that wait to be read, at most; beyond that the oldest are dropped. Default: 4096. */
  capacity: integer({ min: 1, max: MAX_INT32, default: 4096 }),
} as const;

/** Options of `engine.events`; all are optional. */
export interface EventStreamOptions extends Given<typeof EVENT_STREAM_OPTIONS> {}

/** The options of `engine.dispose`. */
export const DISPOSE_OPTIONS = {
  /** Whether requests may finish; otherwise they are cancelled. New ones are refused either way. Default: false. */
  drain: boolean({ default: false }),
  /** With `drain`: milliseconds after which unfinished requests are cancelled. Default: 30000. */
  // Timers take an int32 of milliseconds, and the thread has ten seconds more to end.
  timeout: integer({ min: 0, max: MAX_INT32 - 10_000, default: 30_000 }),
} as const;

/** Options of `engine.dispose`; all are optional. */
export interface DisposeOptions extends Given<typeof DISPOSE_OPTIONS> {}
