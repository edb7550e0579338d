/**
 * What the two threads of an engine say to each other: plain values that survive `postMessage`.
 *
 * @module
 */
import type { ResolvedEngineOptions } from "../config/resolved_options.ts";
import type { EngineInfo } from "../config/engine_info.ts";
import type { StepReport } from "../telemetry/step_report.ts";
import type { ExecutorCounters } from "../telemetry/executor_counters.ts";
import type { RequestUpdate } from "../events/moment.ts";
import type { SerializedError } from "../../errors.ts";
import type { LogEntry } from "../telemetry/log.ts";
import type { SamplingParameters } from "../config/sampling_options.ts";
import type { SharedTokenTable } from "../text/tokenizer/token_table.ts";

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
