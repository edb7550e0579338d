#!/usr/bin/env bun
/**
 * The `upbeat` command: finds the command, and turns what it throws into one line and an exit code.
 *
 * Runs as `bun cli/main.ts` and as `deno run -A cli/main.ts`. Exit codes: 0 done, 1 failure, 2 wrong usage,
 * 130 and 143 ended by Ctrl-C and by SIGTERM.
 *
 * @module
 */
import process from "node:process";
import manifest from "../package.json" with { type: "json" };
import type { Command } from "./command.ts";
import { commandHelp } from "./command.ts";
import { parseFlags } from "./flags.ts";
import { note, OutputClosed, print } from "./terminal.ts";
import { Interrupted, nearest, UsageError } from "./usage.ts";

/** Loaded when used, so that help does not wait for the engine. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  generate: async () => (await import("./generate.ts")).generate,
  chat: async () => (await import("./chat.ts")).chat,
  trace: async () => (await import("./trace.ts")).trace,
  inspect: async () => (await import("./inspect.ts")).inspect,
  tokenize: async () => (await import("./tokenize.ts")).tokenize,
};

async function help(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`);
  return `Usage: upbeat COMMAND [ARGUMENTS] [FLAGS]

${manifest.description}

Commands:
${lines.join("\n")}

  upbeat COMMAND --help    shows the command's arguments and flags
  upbeat --version         shows the version

UPBEAT_LOG=debug in the environment writes to standard error how the engine starts and ends.
`;
}

async function run(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version" || name === "-V") {
    print(`upbeat ${manifest.version}\n`);
    return 0;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    const asked = name === "help" ? rest[0] : undefined;
    print(asked === undefined ? await help() : commandHelp(await findCommand(asked)));
    return 0;
  }
  if (name === undefined) {
    note(await help());
    return 2;
  }
  const command = await findCommand(name);
  if (rest.some((arg) => arg === "--help" || arg === "-h") && parseFlags(rest, command.flags).help) {
    print(commandHelp(command));
    return 0;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    if (error instanceof UsageError) error.message += ` (see: upbeat ${name} --help)`;
    throw error;
  }
}

function findCommand(name: string): Promise<Command> {
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load !== undefined) return load();
  const kind = name.startsWith("-") ? "flag" : "command";
  const near = kind === "flag" ? null : nearest(name, Object.keys(COMMANDS));
  const hint = near === null ? "" : `; did you mean ${near}?`;
  throw new UsageError(`unknown ${kind} ${JSON.stringify(name)}${hint} (see: upbeat --help)`);
}

/** One line for people, the exit code for programs. */
function report(error: unknown): number {
  if (error instanceof OutputClosed) return 0;
  if (error instanceof Interrupted) return error.exitCode;
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const isExpected = ["UpbeatError", "UsageError", "InputError"].includes(name);
  note(`upbeat: ${isExpected ? "" : `unexpected ${name}: `}${message.replaceAll("\n", " ")}\n`);
  if (process.env["UPBEAT_DEBUG"] === "1") note(`${error instanceof Error ? error.stack : error}\n`);
  else if (!isExpected) note("upbeat: set UPBEAT_DEBUG=1 to see where it happened\n");
  return error instanceof UsageError ? 2 : 1;
}

process.exit(await run(process.argv.slice(2)).catch(report));
