/**
 * Measures the machine's peak rates with a native program: the roof (as in roofline) of benchmark figures.
 *
 * @module
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { UpbeatError } from "../mod.ts";

/** A figure measured several times. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The machine's roof. */
export interface MachineRoof {
  readonly threads: number;
  readonly isa: string;
  /** F32 multiply-adds from registers, GFLOP/s. */
  readonly fmaGflops: Spread;
  /** Reads of memory far larger than the caches, GB/s. */
  readonly readGBps: Spread;
}

/** Short rounds per measurement, of which the median is reported. */
const ROUNDS = 3;

/**
 * Measures the machine on demand, in a quarter of a second: the speed of shared machines changes from minute to minute, so
 * each sample of a benchmark is compared with a roof measured at the same time.
 */
export class MachinePeak implements Disposable {
  readonly #program: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  /**
   * @param threads Number of threads.
   * @throws {UpbeatError} `LIBRARY_NOT_FOUND` when the program is not built.
   */
  constructor(threads: number) {
    const program = fileURLToPath(new URL("../build/upbeat_machine_peak", import.meta.url));
    if (!existsSync(program)) {
      throw new UpbeatError("LIBRARY_NOT_FOUND", `${program} does not exist; bun run bench builds it`);
    }
    this.#program = spawn(program, [String(threads), String(ROUNDS)], { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#program.stdout })[Symbol.asyncIterator]();
  }

  /**
   * Measure now.
   *
   * @returns The machine's roof at this moment.
   */
  async measure(): Promise<MachineRoof> {
    this.#program.stdin.write("\n");
    const { value, done } = await this.#lines.next();
    if (done === true) throw new UpbeatError("INTERNAL", "the machine benchmark exited without a result");
    return JSON.parse(value) as MachineRoof;
  }

  /** End the program. */
  [Symbol.dispose](): void {
    this.#program.stdin.end();
  }
}
