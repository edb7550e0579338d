/**
 * What a test decides about a scripted device: how long everything takes, which tokens come out, and what fails.
 *
 * Costs and durations are in microseconds, as all that crosses the ABI; points in time are in milliseconds on the device's
 * clock, as everywhere in the engine.
 *
 * @module
 */
import type { SymbolName } from "../../../../ffi/abi.ts";

/** A forward pass: what its duration may depend on. */
export interface ForwardWork {
  /** Token rows, padding included. */
  readonly tokens: number;
  /** Requests they belong to, padding included. */
  readonly requests: number;
  /** Whether a request has more than one row. */
  readonly isPrefill: boolean;
}

/** Microseconds the device works. Whatever is left out takes no time. */
export interface Durations {
  /** One forward pass. */
  readonly forward?: number | ((work: ForwardWork) => number);
  /** One call of `upbeat_sample`. */
  readonly sampling?: number | ((rows: number) => number);
  /** One copy, in any direction. */
  readonly copy?: number | ((bytes: number) => number);
}

/** Microseconds the calling thread is held by a call, before it takes effect. Whatever is left out costs nothing. */
export type HostCosts = Partial<Readonly<Record<SymbolName, number>>>;

/**
 * Where a failure strikes: the n-th forward pass, or the n-th call of a function or of a group of functions. `copy` is
 * any of the three copies, `wait` waiting for an event or a stream, `allocation` device or pinned memory. A call that is
 * captured counts then, and again whenever its graph is launched.
 */
export type FailurePoint = "forward" | "sampling" | "copy" | "wait" | "allocation" | SymbolName;

/** One thing that goes wrong. */
export interface ScriptedFailure {
  readonly at: FailurePoint;
  /** Which one, counted from 1 since the failure was scripted. */
  readonly call: number;
  /**
   * `"fault"`: the work breaks on the device, and the next wait tells it (sticky); `"stall"`: the work never ends, nor does
   * what is behind it; `"error"`: the call itself returns a negative status and enqueues nothing.
   */
  readonly kind: "fault" | "stall" | "error";
  /** The status of an `"error"`: `OUT_OF_MEMORY` for allocations, else `FAULT`, unless given. */
  readonly status?: number;
}

/** What is known when a token is drawn. The arrays are views: copy what is to be kept. */
export interface TokenContext {
  /** The prompt. */
  readonly promptTokens: Int32Array;
  /** What was generated so far. */
  readonly outputTokens: Int32Array;
  /** The new token's position in the sequence. */
  readonly position: number;
  /** The token that comes out unless the script says otherwise. */
  readonly proposed: number;
}

/**
 * Chooses the token that comes out, such as an end-of-sequence token at a certain length. It must be a pure function of
 * its argument, so that a stream is the same in whatever batch and mode it is computed.
 */
export type TokenScript = (context: TokenContext) => number;

/**
 * When enqueued work takes effect. All three are what an asynchronous device may do; a program that is right does not
 * see a difference.
 *
 * - `"late"`: when somebody finds it passed, and no sooner: a host buffer that is overwritten before the copy from it was
 *   waited for spoils the copy.
 * - `"exact"`: when the clock passes its end.
 * - `"eager"`: when it is enqueued: a host buffer that a copy writes to while it is still being read is spoiled.
 */
export type Execution = "late" | "exact" | "eager";

/** How a scripted device is set up; everything has a default. */
export interface ScriptedDeviceOptions {
  /** `"virtual"`: time moves by costs and waits only; `"real"`: costs and waits take that long. "virtual" unless given. */
  readonly clock?: "virtual" | "real";
  /** "late" unless given. */
  readonly execution?: Execution;
  readonly durations?: Durations;
  readonly costs?: HostCosts;
  readonly failures?: readonly ScriptedFailure[];
  readonly script?: TokenScript;
  /**
   * How much of a sequence each row looks at: `"all"` of it, or its `"latest"` tokens, which takes next to no time and is
   * for measurements. "all" unless given.
   */
  readonly checks?: "all" | "latest";
  /** Bytes of memory, pinned memory and weights included; 1 GiB unless given. */
  readonly memoryBytes?: number;
  /** Whether forward passes and gaps are listed, or only counted; true unless given. */
  readonly keepsLists?: boolean;
}
