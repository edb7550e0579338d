#!/usr/bin/env bun
/**
 * The `upbeat` command: runs a command, and turns an error into one line and an exit code.
 *
 * Runs as `bun cli/main.ts` and as `deno run -A cli/main.ts`. Exit codes: 0 done, 1 failure, 2 wrong usage,
 * 130 and 143 ended by Ctrl-C and by SIGTERM.
 *
 * @module
 */
import process from "node:process";
import manifest from "../package.json" with { type: "json" };
import { nearest } from "../engine/config/nearest.ts";
import { type Command, commandHelp } from "./commands/command.ts";
import { parseFlags } from "./flags/flags.ts";
import { errorText } from "./terminal/error_text.ts";
import { note, OutputClosed, print } from "./terminal/terminal.ts";
import { Interrupted, UsageError } from "./errors.ts";

/** Imported when used: help does not wait for the engine. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  generate: async () => (await import("./commands/generate.ts")).generate,
  chat: async () => (await import("./commands/chat.ts")).chat,
  trace: async () => (await import("./commands/trace.ts")).trace,
  inspect: async () => (await import("./commands/inspect.ts")).inspect,
  tokenize: async () => (await import("./commands/tokenize.ts")).tokenize,
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

UPBEAT_LOG=debug in the environment writes each point of the engine's start and end to standard error.
`;
}

async function run(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version" || name === "-V") {
    print(`upbeat ${manifest.version}\n`);
    return 0;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    const topic = name === "help" ? rest[0] : undefined;
    print(topic === undefined ? await help() : commandHelp(await findCommand(topic)));
    return 0;
  }
  if (name === undefined) {
    note(await help());
    return 2;
  }
  const command = await findCommand(name);
  if (
    rest.some((arg) => arg === "--help" || arg === "-h") &&
    parseFlags(rest, Object.assign({}, ...Object.values(command.flags))).help
  ) {
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
  note(`upbeat: ${isExpected ? "" : `unexpected ${name}: `}${errorText(message)}\n`);
  if (process.env["UPBEAT_DEBUG"] === "1") note(`${error instanceof Error ? error.stack : error}\n`);
  else if (!isExpected) note("upbeat: set UPBEAT_DEBUG=1 to see the stack\n");
  return error instanceof UsageError ? 2 : 1;
}

process.exit(await run(process.argv.slice(2)).catch(report));
