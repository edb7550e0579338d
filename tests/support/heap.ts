/**
 * Measures the live heap.
 *
 * @module
 */
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** @returns Bytes of live objects, after a full garbage collection. */
export function liveHeapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Collects all garbage; callbacks about collected objects come later. */
export function collectGarbage(): void {
  const { Bun } = globalThis as { Bun?: { gc(isSync: boolean): void } };
  if (Bun !== undefined) return Bun.gc(true);
  // V8 defines gc() in contexts created after the flag is set.
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
