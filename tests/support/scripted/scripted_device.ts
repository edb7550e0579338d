/**
 * A device implemented in TypeScript, whose timing, tokens and failures are scripted by a test. It implements the whole ABI
 * on a virtual clock, which advances only when a thread works or waits, and its model detects every wrong input.
 *
 * @module
 */
import type { Symbols } from "../../../ffi/abi.ts";
import type { DeviceLibrary } from "../../../ffi/interface.ts";
import { toMicroseconds } from "../../../engine/telemetry/clock.ts";
import type { Accounting } from "./device/accounting.ts";
import { attentionSymbols } from "./device/attention_symbols.ts";
import { decoderSymbols } from "./device/decoder_symbols.ts";
import { pointerFrom } from "./device/memory.ts";
import type { ScriptedDeviceOptions, ScriptedFailure } from "./device/options.ts";
import { DeviceState } from "./device/state.ts";
import { Event, Graph, Stream } from "./device/stream.ts";
import { eventSymbols, graphSymbols, streamSymbols } from "./device/stream_symbols.ts";
import { deviceSymbols, memorySymbols, weightSymbols } from "./device/system_symbols.ts";
import { tokenSymbols } from "./device/token_symbols.ts";
import { Weight } from "./device/weight.ts";

export type * from "./device/accounting.ts";
export type * from "./device/options.ts";
export {
  scriptedStream,
  type ScriptedToken,
  scriptedTokens,
  type ScriptedTokensOptions,
  VOCABULARY_SIZE,
} from "./device/toy_model.ts";

/** Live resources of a device. */
export interface LiveResources {
  readonly allocations: number;
  readonly streams: number;
  readonly events: number;
  readonly graphs: number;
  readonly weights: number;
}

/**
 * A scripted device.
 *
 * With the virtual clock, give `upbeat_event_query` a cost if a loop polls it, or time does not advance.
 *
 * @example
 * ```ts
 * const scripted = new ScriptedDevice({ durations: { forward: 3000 }, costs: { upbeat_sample: 400 } });
 * using device = openDevice({ library: scripted.library });
 * ```
 */
export class ScriptedDevice {
  /** For `openDevice({ library })`. */
  readonly library: DeviceLibrary;
  readonly #state: DeviceState;

  /** @param options Timing, script and failures. */
  constructor(options: ScriptedDeviceOptions = {}) {
    const state = new DeviceState(options);
    this.#state = state;
    const symbols: Symbols = {
      ...deviceSymbols(state),
      ...memorySymbols(state),
      ...weightSymbols(state),
      ...streamSymbols(state),
      ...eventSymbols(state),
      ...graphSymbols(state),
      ...decoderSymbols(state),
      ...attentionSymbols(state),
      ...tokenSymbols(state),
    };
    this.library = {
      path: "scripted device",
      symbols,
      pointerFrom,
      viewMemory: (address) => state.memory.at(address)!.buffer,
    };
  }

  /** The device's clock in milliseconds, for the executor. */
  readonly now = (): number => toMicroseconds(this.#state.clock.now() / 1000);

  /** Its calls, forward passes and idle gaps. */
  get accounting(): Accounting {
    return this.#state.accounting;
  }

  /** Violations of the device's contract, in the order in which they were detected. */
  get violations(): readonly string[] {
    return this.#state.violations;
  }

  /** Live resources; all zero once the device is closed. */
  get live(): LiveResources {
    const state = this.#state;
    return {
      allocations: state.memory.count,
      streams: state.all(Stream).length,
      events: state.all(Event).length,
      graphs: state.all(Graph).length,
      weights: state.all(Weight).length,
    };
  }

  /** The calling thread works for some time, in microseconds. */
  spend(microseconds: number): void {
    this.#state.clock.spend(microseconds);
  }

  /** The calling thread waits until a time in milliseconds. */
  waitUntil(time: number): void {
    this.#state.clock.waitUntil(time * 1000);
  }

  /** Adds a failure, whose calls are counted from now on. */
  fail(failure: ScriptedFailure): void {
    this.#state.failures.add(failure);
  }
}

/**
 * The library of a new scripted device, for users that do not inspect the device.
 *
 * @param options Timing, script and failures.
 * @returns The library, for `openDevice({ library })`.
 */
export function createLibrary(options: ScriptedDeviceOptions = {}): DeviceLibrary {
  return new ScriptedDevice(options).library;
}
