/**
 * What the two threads of an engine say to each other: plain values that survive `postMessage`.
 *
 * @module
 */
import type { DeviceInfo, DeviceUsage } from "../ffi/interface.ts";
import type { DeviceTimes } from "./device_timer.ts";
import type { SerializedError } from "../errors.ts";
import type { RequestError, TokenLogprob } from "./events.ts";
import type { LogEntry } from "./log.ts";
import type { ModelConfig } from "./models/config.ts";
import type { ActivationType } from "./models/decoder_weights.ts";
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
  /** Where deliveries go out; see `createDeliveryRing`. */
  readonly deliveries: SharedArrayBuffer;
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
  /** Whether token moments carry {@linkcode StepUsage}. */
  readonly trackTokens: boolean;
}

/** Messages to the executor. */
export type InboxMessage =
  | SubmitMessage
  | { readonly type: "cancel"; readonly id: number }
  /** The text of tokens, for stop strings; sent before the first request that has some. */
  | { readonly type: "tokenTable"; readonly table: SharedTokenTable }
  /** The last word; while the model is loading, the only one. It may come again without `drain`. */
  | {
    readonly type: "shutdown";
    /** Whether what runs is to finish, instead of being cancelled. */
    readonly drain: boolean;
    /** When what still runs is cancelled all the same, on the engine's clock; null: never. */
    readonly deadline: number | null;
  };

/** How the KV cache stood when a step was launched; computed once for all of the step's tokens. */
export interface StepUsage {
  /** The step's number, counted from 1. */
  readonly step: number;
  /** KV blocks of the pool. */
  readonly blocksTotal: number;
  /** KV blocks that are not free: of requests, or kept for their content. */
  readonly blocksAllocated: number;
  /** KV blocks that requests hold. */
  readonly blocksActive: number;
  /** Tokens in the cache of the requests of this step. */
  readonly activeTokens: number;
}

/**
 * One step of the executor: when, in milliseconds on the engine's clock; what it computed; and how things stood when it
 * was launched.
 */
export interface StepReport {
  /** The step's number, counted from 1. */
  readonly step: number;
  /** When the launch of its forward pass began. */
  readonly start: number;
  /** When its forward pass was enqueued. */
  readonly forwardLaunched: number;
  /** When the launch of its sampling began. */
  readonly sampling: number;
  /** When everything was enqueued. */
  readonly launched: number;
  /** When the executor began to wait for the device. */
  readonly waiting: number;
  /** When the step's tokens were known to the host. */
  readonly known: number;
  /** When first tokens had been handed over; `known` where that is not done early. */
  readonly firstTokensSent: number;
  /** When its processing began. */
  readonly processing: number;
  /** When it was processed. */
  readonly end: number;
  /** When the device worked on it. */
  readonly device: DeviceTimes | null;
  /** Whether the loop had nothing to do before it, so that the device had to be idle too. */
  readonly followsRest: boolean;
  /** Milliseconds for which its launch waited for messages, as the device did not need it yet. */
  readonly held: number;
  /** Requests in the step. */
  readonly requests: number;
  /** How many of them computed a chunk of what was known at their admission: a prompt, or more after an eviction. */
  readonly prefillRequests: number;
  /** Tokens of those chunks. */
  readonly prefillTokens: number;
  /** Tokens of the other requests, one each. */
  readonly decodeTokens: number;
  /** Tokens that the step sampled. */
  readonly sampledTokens: number;
  /** KV blocks that requests held. */
  readonly usedBlocks: number;
  /** KV blocks that nobody held and whose content was kept. */
  readonly cachedBlocks: number;
  /** Requests that held a slot and were not paused. */
  readonly runningRequests: number;
  /** Requests that held a slot and waited for KV blocks. */
  readonly pausedRequests: number;
  /** Requests that waited for a slot, evicted ones included. */
  readonly waitingRequests: number;
}

/**
 * One thing that happened to a request, as the executor tells it. `time` is on the engine's clock.
 *
 * What the caller sees of it is decided on the other side: these become events, record entries and metrics there.
 */
export type Moment =
  /** Admission was refused for a cause that may go away; sent once per cause. */
  | { readonly type: "refused"; readonly time: number; readonly error: RequestError }
  /** A chunk of the sequence is in the next step; the first one ends the wait in the queue. */
  | {
    readonly type: "chunk";
    readonly time: number;
    /** Tokens in this chunk. */
    readonly tokens: number;
    /** Tokens in the cache once it is computed. */
    readonly computed: number;
    /** Tokens to compute before the next token can be sampled, cached ones included. */
    readonly total: number;
    /** Tokens that were found in the prefix cache when the request was admitted. */
    readonly cached: number;
  }
  /** The last chunk is in the next step. */
  | { readonly type: "context"; readonly time: number }
  /** A kept token; `time` is when its value was known to the host, the same for all rows of a step. */
  | {
    readonly type: "token";
    readonly time: number;
    readonly tokenId: number;
    readonly logprob?: number;
    readonly topLogprobs?: readonly TokenLogprob[];
    /** Only where the request records its tokens. */
    readonly usage?: StepUsage;
  }
  /** Held back for want of KV blocks; its own stay. */
  | { readonly type: "pause"; readonly time: number }
  /** Runs again after a pause. */
  | { readonly type: "resume"; readonly time: number }
  /** Its KV blocks were taken; it is queued again and will be recomputed. */
  | { readonly type: "evict"; readonly time: number }
  /** Terminal. */
  | {
    readonly type: "finish";
    readonly time: number;
    readonly reason: FinishReason;
    readonly stopReason: string | number | null;
    /** Steps that computed a token which nobody sees. */
    readonly wastedSteps: number;
  }
  /** Terminal. */
  | { readonly type: "failure"; readonly time: number; readonly error: RequestError };

/** A token's moment. */
export type TokenMoment = Extract<Moment, { type: "token" }>;

/** What became of a request since the last update. */
export interface RequestUpdate {
  readonly id: number;
  /** Oldest first. */
  readonly moments: Moment[];
}

/** Counters of the executor's work, since it started, and how things stand now. */
export interface ExecutorCounters {
  /** Steps run. */
  readonly steps: number;
  /** Milliseconds that the loop ran: all but its waiting for messages. */
  readonly stepTime: number;
  /** Milliseconds of them spent waiting for the device. */
  readonly waitTime: number;
  /** KV blocks that requests hold now. */
  readonly usedBlocks: number;
  /** KV blocks that nobody holds and whose content is kept for later prompts. */
  readonly cachedBlocks: number;
  /** Requests that hold a slot now and are not paused. */
  readonly running: number;
  /** Requests that hold a slot now and wait for KV blocks. */
  readonly paused: number;
  /** Requests that wait for a slot now, evicted ones included. */
  readonly waiting: number;
  /** Times that a request was paused. */
  readonly pauses: number;
  /** Times that a request was evicted. */
  readonly evictions: number;
  /** Rows computed whose token nobody saw. */
  readonly wastedSteps: number;
  /** Prompt tokens of admitted requests. */
  readonly prefixQueriedTokens: number;
  /** How many of them were found in the prefix cache. */
  readonly prefixHitTokens: number;
}

/** What the executor hands over at once. */
export interface Delivery {
  readonly updates: readonly RequestUpdate[];
  /** null: as before. First tokens do not wait for them. */
  readonly counters: ExecutorCounters | null;
  /** When it was handed over, on the engine's clock. */
  readonly emittedAt: number;
  /** Whatever comes later happened at this time or after it. */
  readonly settledUntil: number;
  /** The steps since the last delivery; only where they are tracked. */
  readonly steps?: readonly StepReport[] | undefined;
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
  /** With `device: "auto"`, why it is not a GPU; null where it is, or where it was said what to use. */
  readonly deviceFallback: string | null;
  /** Whether kernels of captured steps begin before the kernel before them has ended (`docs/cuda.md`). */
  readonly dependentLaunches: boolean;
  readonly maxContext: number;
  readonly maxBatchTokens: number;
  readonly maxBatchRequests: number;
  readonly kvBlocks: number;
  readonly blockSize: number;
  readonly kvDtype: CacheDtype;
  readonly activations: ActivationType;
  readonly overlap: boolean;
  readonly lateLaunch: boolean;
  readonly earlyFirstToken: boolean;
  readonly streamInterval: number;
}

/** A delivery that does not go through the ring. */
export interface PostedDelivery {
  readonly type: "updates";
  /** Its place among all deliveries, counted from 1. */
  readonly number: number;
  readonly delivery: Delivery;
}

/** Messages from the worker. */
export type OutboxMessage =
  | { readonly type: "progress"; readonly loadedBytes: number; readonly totalBytes: number }
  | { readonly type: "ready"; readonly info: EngineInfo }
  | PostedDelivery
  /** A line of the executor's log. */
  | { readonly type: "log"; readonly entry: LogEntry }
  /** What ended loading or the loop; sent before the device is closed, which may take long. */
  | { readonly type: "failed"; readonly error: SerializedError }
  /** The last word: everything is given back that could be. */
  | { readonly type: "closed" };
