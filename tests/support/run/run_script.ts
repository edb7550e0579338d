/**
 * Runs a few lines of JavaScript as a process, on the runtime of the test.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { CliRun } from "./run_cli.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Run a script in the project's folder until it exits.
 *
 * @param script A module; its imports are relative to the project's folder: `import { Engine } from "./mod.ts"`.
 * @param environment Environment variables in addition to this process's own.
 * @param onStart Called with the started process.
 * @returns Exit code and output.
 */
export function runScript(
  script: string,
  environment: Readonly<Record<string, string>> = {},
  onStart: (child: ChildProcess) => void = () => {},
): Promise<CliRun> {
  const args = "Deno" in globalThis ? ["eval", "--ext=js", script] : ["-e", script];
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...environment };
    const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout!.setEncoding("utf8").on("data", (chunk: string) => stdout += chunk);
    child.stderr!.setEncoding("utf8").on("data", (chunk: string) => stderr += chunk);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
    onStart(child);
  });
}
