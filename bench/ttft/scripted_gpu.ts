/**
 * A device with the timings of a GPU: a library module for `EngineOptions.library`, so that a whole engine runs on it, in
 * its own worker and on the real clock. Everything but the device is real, and so is every microsecond that it takes.
 *
 * @module
 */
import { getEnvironmentData } from "node:worker_threads";
import type { SymbolName, Symbols } from "../../ffi/abi.ts";
import type { DeviceLibrary } from "../../ffi/interface.ts";
import { ScriptedDevice } from "../../tests/support/scripted/scripted_device.ts";
import { DeviceLog } from "./device_log.ts";

/** Under this name a thread that starts an engine leaves the memory of its log. */
export const LOG_NAME = "upbeat.bench.deviceLog";

/** Microseconds of everything that takes time. */
export const GPU_TIMINGS = {
  /** A forward pass of one token a request. */
  decode: 3000,
  /** One with prompts in it. */
  prefill: 12_000,
  /** What the call that enqueues sampling takes the thread that makes it. */
  samplingDispatch: 400,
  /** A copy in either direction. */
  copy: 10,
} as const;

/** Waiting is no work of the thread that waits. */
const WAITING: readonly SymbolName[] = ["upbeat_event_wait", "upbeat_stream_synchronize"];

/**
 * The device's library, writing into the log that was left for this thread.
 *
 * @returns What `openDevice({ library })` takes.
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

/** The functions, with the time that is spent in them. */
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
