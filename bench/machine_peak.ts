/**
 * What the machine can do at best, by a native program of the build: the roof that benchmarks are read against.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { UpbeatError } from "../mod.ts";

/** A figure measured several times. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The machine's roof. */
export interface MachinePeak {
  readonly threads: number;
  readonly isa: string;
  /** F32 multiply-adds from registers, GFLOP/s. */
  readonly fmaGflops: Spread;
  /** Reads of memory far larger than the caches, GB/s. */
  readonly readGBps: Spread;
}

/**
 * Measure the machine, now.
 *
 * @param threads How many threads compute and read.
 * @returns Its roof.
 * @throws {UpbeatError} `LIBRARY_NOT_FOUND` when the program is not built.
 */
export function measureMachinePeak(threads: number): MachinePeak {
  const program = fileURLToPath(new URL("../build/upbeat_machine_peak", import.meta.url));
  if (!existsSync(program)) {
    throw new UpbeatError("LIBRARY_NOT_FOUND", `${program} does not exist; bun run bench builds it`);
  }
  return JSON.parse(execFileSync(program, [String(threads)], { encoding: "utf8" })) as MachinePeak;
}
