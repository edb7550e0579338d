/**
 * The messages between the two threads of an engine: plain values that survive `postMessage`.
 *
 * @module
 */
import type { ResolvedEngineOptions } from "../config/resolved_options.ts";
import type { EngineInfo } from "../config/engine_info.ts";
import type { SerializedError } from "../../errors.ts";
import type { LogEntry } from "../telemetry/log.ts";
import type { SamplingParameters } from "../config/sampling_options.ts";
import type { EncodedOutput } from "./step_output.ts";
import type { SharedTokenTable } from "../text/tokenizer/token_table.ts";

/** The worker's start parameters. */
export interface WorkerStart {
  readonly modelFolder: string;
  readonly options: ResolvedEngineOptions;
  /** See `clockOrigin`. */
  readonly clockOrigin: number;
  /** Int32 `[1]`, incremented with every message to the executor. */
  readonly doorbell: SharedArrayBuffer;
  /** The port that messages to the executor arrive at. */
  readonly inbox: unknown;
  /** The ring of step outputs; see `createOutputRing`. */
  readonly outputs: SharedArrayBuffer;
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
  /** Whether its tokens carry the usage of the KV cache. */
  readonly trackTokens: boolean;
}

/** Messages to the executor. */
export type InboxMessage =
  | SubmitMessage
  | { readonly type: "cancel"; readonly id: number }
  /** The text of tokens, for stop strings; sent before the first request that has stop strings. */
  | { readonly type: "tokenTable"; readonly table: SharedTokenTable }
  /** The last message; while the model is loading, the only one. It may be repeated without `drain`. */
  | {
    readonly type: "shutdown";
    /** Whether live requests finish, instead of being cancelled. */
    readonly drain: boolean;
    /** When requests that have not finished are cancelled, on the engine's clock; null: never. */
    readonly deadline: number | null;
  };

/** An output that does not go through the ring. */
export interface PostedOutput {
  readonly type: "output";
  /** Its place among all outputs, counted from 1. */
  readonly order: number;
  readonly output: EncodedOutput;
}

/** Messages from the worker. */
export type OutboxMessage =
  | { readonly type: "progress"; readonly loadedBytes: number; readonly totalBytes: number }
  | { readonly type: "ready"; readonly info: EngineInfo }
  | PostedOutput
  /** A line of the executor's log. */
  | { readonly type: "log"; readonly entry: LogEntry }
  /** The error that ended loading or the loop; sent before the device is closed, which may take long. */
  | { readonly type: "failed"; readonly error: SerializedError }
  /** The last message: the device is closed, unless it did not finish its work. */
  | { readonly type: "closed" };
