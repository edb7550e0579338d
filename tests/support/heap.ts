/**
 * How much memory is really in use.
 *
 * @module
 */
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** @returns Bytes of live objects, after everything that can be collected was. */
export function liveHeapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

function collect(): void {
  const { Bun } = globalThis as { Bun?: { gc(isSync: boolean): void } };
  if (Bun !== undefined) return Bun.gc(true);
  // What V8 hides behind a flag is there in contexts that are made after it is set.
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
