/** Runs other programs. */
import { spawn } from "node:child_process";
import process from "node:process";
import { Failure } from "./failure.ts";
import { ROOT } from "./paths.ts";

/** The end of a program. */
export interface Outcome {
  /** Its exit code; null when a signal ended it. */
  readonly code: number | null;
  /** The signal that ended it, if one did. */
  readonly signal: string | null;
  /** Its output on stdout and stderr, in order of arrival. */
  readonly log: string;
}

/** Options of a program. */
export interface CommandOptions {
  /** Added to the environment. */
  readonly env?: Record<string, string>;
  /** Called with each line of output. */
  readonly onLine?: (line: string) => void;
  /** The folder that it runs in; the project's by default. */
  readonly cwd?: string;
  /** How to install the program, for the error when it is missing. */
  readonly remedy?: string;
}

/**
 * Run a program to its end and keep its output.
 *
 * @param program Its name or path.
 * @param args Its arguments.
 * @param options Environment, lines, remedy.
 * @returns Its exit code and output.
 * @throws {Failure} When it cannot be started.
 */
export function capture(program: string, args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      cwd: options.cwd ?? ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
    });
    let log = "";
    let unfinished = "";
    const read = (chunk: string) => {
      log += chunk;
      if (!options.onLine) return;
      const lines = (unfinished + chunk).split(/\r?\n/);
      unfinished = lines.pop() ?? "";
      for (const line of lines) options.onLine(line);
    };
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", read);
    child.on("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "ENOENT"
          ? new Failure(`${program} was not found. ${options.remedy ?? "Install it and run this again."}`)
          : new Failure(`${program} cannot be started: ${error.message}`),
      );
    });
    child.on("close", (code, signal) => resolve({ code, signal, log }));
  });
}

/**
 * Run a program that must succeed.
 *
 * @param what What it does, for the message.
 * @param program Its name or path.
 * @param args Its arguments.
 * @param options Environment, lines, remedy.
 * @returns Its output.
 * @throws {Failure} When it fails, with its output.
 */
export async function mustRun(
  what: string,
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const outcome = await capture(program, args, options);
  if (outcome.code === 0) return outcome.log;
  throw new Failure(`${what} failed (${describeEnd(outcome)}); the log is above`, outcome.log);
}

/**
 * Describe the end of a program.
 *
 * @param outcome Its outcome.
 * @returns As in "exit code 2" or "killed by SIGSEGV".
 */
export function describeEnd(outcome: Outcome): string {
  return outcome.signal === null ? `exit code ${outcome.code}` : `killed by ${outcome.signal}`;
}

/**
 * Let a program use the terminal until it ends.
 *
 * @param program Its name or path.
 * @param args Its arguments.
 * @returns Its exit code, 128 + n after signal n as shells do.
 */
export async function handOver(program: string, args: readonly string[]): Promise<number> {
  const { constants } = await import("node:os");
  return await new Promise((resolve, reject) => {
    const child = spawn(program, [...args], { stdio: "inherit" });
    // Ctrl-C reaches both processes; the program handles it.
    const ignore = () => {};
    const forward = () => child.kill("SIGTERM");
    process.on("SIGINT", ignore);
    process.on("SIGTERM", forward);
    child.on("error", (error) => reject(new Failure(`${program} cannot be started: ${error.message}`)));
    child.on("close", (code, signal) => {
      process.off("SIGINT", ignore);
      process.off("SIGTERM", forward);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
