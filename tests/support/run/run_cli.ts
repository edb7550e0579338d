/**
 * Runs the `upbeat` command as a process, on the runtime of the test.
 *
 * @module
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));

/** The outcome of a run. */
export interface CliRun {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The input of a run. */
export interface CliInput {
  /** Standard input; empty by default. */
  readonly stdin?: string;
  /** Called with the started process. */
  readonly onStart?: (child: ChildProcess) => void;
}

/**
 * Run the command until it exits.
 *
 * @param args Its arguments.
 * @param input See {@linkcode CliInput}.
 * @returns Exit code and output.
 */
export function runCli(args: readonly string[], input: CliInput = {}): Promise<CliRun> {
  const runtime = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...runtime, MAIN, ...args], { stdio: ["pipe", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => stdout += chunk);
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => stderr += chunk);
    child.stdin.on("error", () => {});
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(input.stdin ?? "");
    input.onStart?.(child);
  });
}
