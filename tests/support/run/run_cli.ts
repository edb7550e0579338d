/**
 * Run the `upbeat` command as a process of its own, on the runtime that runs the test.
 *
 * @module
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));

/** How a run ended. */
export interface CliRun {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a run is given. */
export interface CliInput {
  /** Standard input; nothing unless given. */
  readonly stdin?: string;
  /** Called with the process when it was started. */
  readonly onStart?: (child: ChildProcess) => void;
}

/**
 * Run the command to its end.
 *
 * @param args Its arguments.
 * @param input Standard input, and a look at the process.
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
