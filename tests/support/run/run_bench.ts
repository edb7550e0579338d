/**
 * Runs a benchmark as a process, on the runtime of the test.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { CliRun } from "./run_cli.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Run a benchmark in the project's folder until it exits.
 *
 * @param program Its file, in `bench/`.
 * @param args Its arguments.
 * @returns Exit code and output.
 */
export function runBench(program: string, args: readonly string[]): CliRun {
  const file = join(ROOT, "bench", program);
  const command = "Bun" in globalThis ? [file] : ["run", "-A", "--no-check", file];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...command, ...args], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return { code: status, stdout, stderr };
}
