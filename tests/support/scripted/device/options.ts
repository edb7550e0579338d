/**
 * Options of a scripted device: its timing, its tokens and its failures.
 *
 * Costs and durations are in microseconds, like all times in the ABI; points in time are in milliseconds on the device's
 * clock, like all times in the engine.
 *
 * @module
 */
import type { SymbolName } from "../../../../ffi/abi.ts";

/** The shape of a forward pass, which its duration may depend on. */
export interface ForwardWork {
  /** Token rows, padding included. */
  readonly tokens: number;
  /** Requests, padding included. */
  readonly requests: number;
  /** Whether a request has more than one row. */
  readonly isPrefill: boolean;
}

/** Durations of work on the device, in microseconds; 0 unless given. */
export interface Durations {
  /** One forward pass. */
  readonly forward?: number | ((work: ForwardWork) => number);
  /** One call of `upbeat_sample`. */
  readonly sampling?: number | ((rows: number) => number);
  /** One copy, in any direction. */
  readonly copy?: number | ((bytes: number) => number);
}

/** Time for which a call blocks the calling thread before it takes effect, in microseconds; 0 unless given. */
export type HostCosts = Partial<Readonly<Record<SymbolName, number>>>;

/**
 * Where a failure is injected: the n-th forward pass, or the n-th call of a function or of a group of functions. `copy` is
 * any of the three copies, `wait` a wait for an event or a stream, `allocation` one of device or pinned memory. A captured
 * call is counted at capture, and at each launch of its graph.
 */
export type FailurePoint = "forward" | "sampling" | "copy" | "wait" | "allocation" | SymbolName;

/** One failure. */
export interface ScriptedFailure {
  readonly at: FailurePoint;
  /** Which occurrence, counted from 1 since the failure was added. */
  readonly call: number;
  /**
   * `"fault"`: the work faults on the device, which the next wait returns (sticky); `"stall"`: the work never ends, and
   * neither does the work after it; `"error"`: the call itself returns a negative status and enqueues nothing.
   */
  readonly kind: "fault" | "stall" | "error";
  /** The status of an `"error"`: `OUT_OF_MEMORY` for allocations, else `FAULT`, unless given. */
  readonly status?: number;
}

/** The state when a token is sampled. The arrays are views, valid during the call. */
export interface TokenContext {
  /** The prompt. */
  readonly promptTokens: Int32Array;
  /** The tokens generated so far. */
  readonly outputTokens: Int32Array;
  /** The new token's position in the sequence. */
  readonly position: number;
  /** The token of the model itself. */
  readonly proposed: number;
}

/**
 * Chooses the sampled token, such as an end-of-sequence token at a certain length, or `TOKEN.NOT_FINITE`: the row has no
 * finite logit. It must be a pure function of its
 * argument, so that a stream does not depend on batch and mode.
 */
export type TokenScript = (context: TokenContext) => number;

/**
 * When enqueued work takes effect. An asynchronous device may do any of these; a correct program cannot tell them apart.
 *
 * - `"late"`: when a wait or a query observes its end. This exposes a host buffer that is overwritten before the copy from it
 *   has ended.
 * - `"exact"`: when the clock passes its end.
 * - `"eager"`: when it is enqueued. This exposes a host buffer that is still read when a copy into it is enqueued.
 */
export type Execution = "late" | "exact" | "eager";

/** Options of a scripted device; every field has a default. */
export interface ScriptedDeviceOptions {
  /** `"virtual"`: costs and waits advance the time; `"real"`: they take it. "virtual" unless given. */
  readonly clock?: "virtual" | "real";
  /** "late" unless given. */
  readonly execution?: Execution;
  readonly durations?: Durations;
  readonly costs?: HostCosts;
  readonly failures?: readonly ScriptedFailure[];
  readonly script?: TokenScript;
  /**
   * How much of a sequence is checked per row: `"all"` of it, or its `"latest"` tokens, which is cheap enough for
   * measurements. "all" unless given.
   */
  readonly checks?: "all" | "latest";
  /** Bytes of memory, including pinned memory and weights; 1 GiB unless given. */
  readonly memoryBytes?: number;
  /** Whether forward passes and gaps are listed, or only counted; true unless given. */
  readonly keepsHistory?: boolean;
}
