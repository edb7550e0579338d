/**
 * What the two threads of an engine say to each other: plain values that survive `postMessage`.
 *
 * @module
 */
import type { DeviceInfo, DeviceUsage } from "../ffi/interface.ts";
import type { SerializedError } from "../errors.ts";
import type { RequestError, TokenLogprob } from "./events.ts";
import type { ModelConfig } from "./models/config.ts";
import type { CacheDtype } from "./models/memory.ts";
import type { FinishReason } from "./request.ts";
import type { SamplingParameters } from "./sampling.ts";
import type { SharedTokenTable } from "./text/token_table.ts";

/** How an engine is set up; every field is known. */
export interface ResolvedEngineOptions {
  readonly device: "auto" | "cpu" | "cuda";
  readonly libraryPath: string | null;
  readonly threads: number;
  readonly simd: "AUTO" | "PORTABLE" | "AVX2" | "AVX512" | "AMX" | "NEON";
  readonly maxBatchTokens: number;
  readonly maxBatchRequests: number;
  /** null: as many as fit the memory, up to what full batches need. */
  readonly kvBlocks: number | null;
  readonly blockSize: number;
  readonly kvDtype: CacheDtype;
  /** null: the model's own, up to a bound. */
  readonly maxContext: number | null;
  /** Milliseconds. */
  readonly stallTimeout: number;
}

/** What the worker is started with. */
export interface WorkerStart {
  readonly modelFolder: string;
  readonly options: ResolvedEngineOptions;
  /** See `clockOrigin`. */
  readonly clockOrigin: number;
  /** Int32 `[1]`, raised with every message in. */
  readonly doorbell: SharedArrayBuffer;
  /** The end of the channel that messages come in on. */
  readonly inbox: unknown;
}

/** A request for the executor, checked and tokenized. */
export interface SubmitMessage {
  readonly type: "submit";
  readonly id: number;
  readonly promptTokenIds: Int32Array;
  readonly maxTokens: number;
  readonly sampling: SamplingParameters;
  readonly eosTokenIds: readonly number[];
  readonly stopStrings: readonly string[];
}

/** Messages to the executor. */
export type InboxMessage =
  | SubmitMessage
  | { readonly type: "cancel"; readonly id: number }
  /** The text of tokens, for stop strings; sent before the first request that has some. */
  | { readonly type: "tokenTable"; readonly table: SharedTokenTable }
  | { readonly type: "shutdown" };

/** One kept token. */
export interface TokenUpdate {
  readonly tokenId: number;
  /** When its value was known to the host, on the engine's clock. */
  readonly time: number;
  readonly logprob?: number;
  readonly topLogprobs?: readonly TokenLogprob[];
}

/** What became of a request since the last update. */
export interface RequestUpdate {
  readonly id: number;
  /** When the last of its prompt went into the context. */
  contextTime?: number;
  /** New tokens, oldest first. */
  readonly tokens: TokenUpdate[];
  /** Terminal. */
  finish?: { readonly reason: FinishReason; readonly stopReason: string | number | null; readonly time: number };
  /** Terminal. */
  failure?: { readonly error: RequestError; readonly time: number };
}

/** Counters of the executor's work, since it started. */
export interface ExecutorCounters {
  /** Steps run. */
  readonly steps: number;
  /** Milliseconds between the launch of a step and the end of its processing. */
  readonly stepTime: number;
  /** Milliseconds of them spent waiting for the device. */
  readonly waitTime: number;
  /** KV blocks held now. */
  readonly usedBlocks: number;
  /** Requests that hold a slot now. */
  readonly running: number;
  /** Requests that wait for one now. */
  readonly waiting: number;
}

/** What an engine runs, for people and for checks. */
export interface EngineInfo {
  readonly modelFolder: string;
  /** Its shape, and the sampling that its authors suggest. */
  readonly model: Omit<ModelConfig, "folder">;
  readonly weightBytes: number;
  readonly device: DeviceInfo;
  readonly deviceUsage: DeviceUsage;
  readonly libraryPath: string;
  readonly maxContext: number;
  readonly maxBatchTokens: number;
  readonly maxBatchRequests: number;
  readonly kvBlocks: number;
  readonly blockSize: number;
  readonly kvDtype: CacheDtype;
}

/** Messages from the worker. */
export type OutboxMessage =
  | { readonly type: "progress"; readonly loadedBytes: number; readonly totalBytes: number }
  | { readonly type: "ready"; readonly info: EngineInfo }
  | { readonly type: "updates"; readonly updates: readonly RequestUpdate[]; readonly counters: ExecutorCounters }
  /** The worker is over: without an error after a shutdown, else with what ended it. */
  | { readonly type: "closed"; readonly error: SerializedError | null };
