/**
 * A scripted device with the timings of a GPU, as a library module for `EngineOptions.library`: a whole engine runs on it, in
 * its own worker and on the real clock.
 *
 * @module
 */
import { getEnvironmentData } from "node:worker_threads";
import type { SymbolName, Symbols } from "../../ffi/abi.ts";
import type { DeviceLibrary } from "../../ffi/interface.ts";
import { ScriptedDevice } from "../../tests/support/scripted/scripted_device.ts";
import { DeviceLog } from "./device_log.ts";

/** Name of the environment data with the memory of the log, set by the thread that loads the engine. */
export const LOG_NAME = "upbeat.bench.deviceLog";

/** Durations and costs, in microseconds. */
export const GPU_TIMINGS = {
  /** A forward pass with one token per request. */
  decode: 3000,
  /** A forward pass with prompts. */
  prefill: 12_000,
  /** The call that enqueues sampling, on the calling thread. */
  samplingDispatch: 400,
  /** A copy in either direction. */
  copy: 10,
} as const;

/** Functions that wait, which are not counted as library time. */
const WAITING: readonly SymbolName[] = ["upbeat_event_wait", "upbeat_stream_synchronize"];

/**
 * The device's library, which writes to the log in this thread's environment data.
 *
 * @returns The library, for `openDevice({ library })`.
 */
export function createLibrary(): DeviceLibrary {
  const memory = getEnvironmentData(LOG_NAME) as SharedArrayBuffer | undefined;
  const log = new DeviceLog(memory);
  const device = new ScriptedDevice({
    clock: "real",
    checks: "latest",
    keepsHistory: false,
    durations: {
      forward: ({ isPrefill }) => (isPrefill ? GPU_TIMINGS.prefill : GPU_TIMINGS.decode),
      copy: GPU_TIMINGS.copy,
    },
    costs: { upbeat_sample: GPU_TIMINGS.samplingDispatch },
  });
  return { ...device.library, symbols: timed(device, log) };
}

/** The functions, which log the time spent in them. */
function timed({ library, accounting }: ScriptedDevice, log: DeviceLog): Symbols {
  const symbols: Record<string, unknown> = { ...library.symbols };
  let forwards = 0;
  for (const name of Object.keys(symbols) as SymbolName[]) {
    if (WAITING.includes(name)) continue;
    const call = library.symbols[name] as (...values: readonly unknown[]) => number;
    symbols[name] = (...values: readonly unknown[]): number => {
      const start = performance.now();
      const status = call(...values);
      if (accounting.forwardCount !== forwards) {
        forwards = accounting.forwardCount;
        log.addForward(accounting.idleTime, accounting.gapCount);
      }
      log.addLibraryTime(performance.now() - start);
      return status;
    };
  }
  return symbols as unknown as Symbols;
}
