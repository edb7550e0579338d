/**
 * Memory that a new process may take on this machine.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { freemem } from "node:os";

function readNumber(path: string, pattern: RegExp): number | null {
  try {
    const found = pattern.exec(readFileSync(path, "utf8"))?.[1];
    return found === undefined ? null : Number(found);
  } catch {
    return null;
  }
}

/**
 * Memory available without swapping, within the container's limit.
 *
 * @returns Bytes.
 */
export function availableMemory(): number {
  const kibibytes = readNumber("/proc/meminfo", /^MemAvailable:\s+(\d+) kB/m);
  const machine = kibibytes === null ? freemem() : kibibytes * 1024;
  const limit = readNumber("/sys/fs/cgroup/memory.max", /^(\d+)$/m);
  const used = readNumber("/sys/fs/cgroup/memory.current", /^(\d+)$/m);
  return limit === null || used === null ? machine : Math.min(machine, Math.max(0, limit - used));
}
