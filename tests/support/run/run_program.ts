/**
 * Runs any program until it exits.
 *
 * @module
 */
import { execFile, type ExecFileException } from "node:child_process";
import type { CliRun } from "./run_cli.ts";

/** Milliseconds after which a program counts as hanging. */
const TIMEOUT = 120_000;

/** Where and how a program runs. */
export interface ProgramOptions {
  /** Its folder. */
  readonly cwd: string;
  /** Its whole environment; empty by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Run a program until it exits.
 *
 * @param program Its path.
 * @param args Its arguments.
 * @param options Where and how it runs.
 * @returns Exit code, -1 after a signal, and output.
 */
export function runProgram(
  program: string,
  args: readonly string[],
  { cwd, env = {} }: ProgramOptions,
): Promise<CliRun> {
  return new Promise((resolve) => {
    execFile(program, [...args], { cwd, env, timeout: TIMEOUT }, (error: ExecFileException | null, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}
