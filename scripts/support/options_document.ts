/** `docs/options.md`, made from the tables of options and the comments of their entries. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chat } from "../../cli/commands/chat.ts";
import type { Command } from "../../cli/commands/command.ts";
import { generate } from "../../cli/commands/generate.ts";
import { inspect } from "../../cli/commands/inspect.ts";
import { tokenize } from "../../cli/commands/tokenize.ts";
import { trace } from "../../cli/commands/trace.ts";
import {
  DISPOSE_OPTIONS,
  ENGINE_HOOKS,
  ENGINE_OPTIONS,
  EVENT_STREAM_OPTIONS,
} from "../../engine/config/engine_options.ts";
import { GENERATE_OPTIONS } from "../../engine/config/generate_options.ts";
import { flagName, isNegatable, type Option, type OptionTable } from "../../engine/config/option.ts";
import { rangeText, TECHNICAL_BOUND } from "../../engine/config/checks.ts";
import { Failure } from "./failure.ts";
import { ROOT } from "./paths.ts";

const COMMANDS: readonly Command[] = [generate, chat, trace, inspect, tokenize];

/** Variables of the environment. */
const ENVIRONMENT = [
  ["`UPBEAT_LIBRARY=PATH`", "the device library, or the folder that has it, unless `library` is given"],
  ["`UPBEAT_LOG=debug`", "write the debug log of both threads to standard error"],
  ["`UPBEAT_DEBUG=1`", "the `upbeat` command prints the stack of an error"],
  ["`UPBEAT_NVTX=1`", "name steps and phases for NVIDIA's profilers"],
  [
    "`UPBEAT_CUDA_DEPENDENT_LAUNCH=1`",
    "kernels of captured steps may begin before the previous kernel has ended ([cuda.md](cuda.md))",
  ],
];

/** The comment of an option's entry, and the default that it states. */
interface Comment {
  readonly text: string;
  readonly default: string | null;
}

function commentOf(name: string, source: string): Comment {
  const entry = new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*(?://.*\\s*)?${name}: \\w+[(<]`);
  const [, comment] = entry.exec(source) ?? [];
  if (comment === undefined) throw new Failure(`the option ${name} has no comment`);
  const lines = comment.replaceAll(/^\s*\* ?/gm, "").replaceAll(/\{@linkcode ([^}]+)\}/g, "`$1`");
  const text = lines.replaceAll(/\s+/g, " ").trim();
  const stated = / Default: (.+)\.$/.exec(text);
  return { text: text.slice(0, stated?.index), default: stated?.[1] ?? null };
}

/** The default of an option, in words. */
function defaultOf({ default: value, defaultText }: Option): string | null {
  if (defaultText !== undefined) return defaultText;
  return value === null ? null : typeof value === "string" ? `\`${JSON.stringify(value)}\`` : String(value);
}

function tableOf(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(cells[0]!), rule, ...cells.slice(1).map(line)].join("\n");
}

function flagText(name: string, option: Option): string {
  const flag = flagName(name, option);
  if (flag === null) return "";
  const { kind, short, placeholder } = option;
  const value = kind === "choice" ? "" : ` ${placeholder}`.trimEnd();
  return `\`${short === undefined ? "" : `-${short}, `}--${isNegatable(option) ? "[no-]" : ""}${flag}${value}\``;
}

function optionRows(table: OptionTable, files: readonly string[]): string[][] {
  const source = files.map((name) => readFileSync(join(ROOT, `engine/config/${name}.ts`), "utf8")).join("");
  return Object.entries(table).map(([name, option]) => {
    const comment = commentOf(name, source);
    const fallback = defaultOf(option);
    if (comment.default !== fallback) {
      throw new Failure(`the comment of ${name} states the default ${comment.default}, and the option has ${fallback}`);
    }
    const type = [`\`${option.type}\``, rangeText(option, TECHNICAL_BOUND)].join(" ").trimEnd();
    return [`\`${name}\``, flagText(name, option), type, fallback ?? "", comment.text];
  });
}

/** Flags of the commands that set no option. */
function commandFlagRows(): string[][] {
  const commands = new Map<string, { readonly row: string[]; readonly names: string[] }>();
  const options: OptionTable = { ...ENGINE_OPTIONS, ...GENERATE_OPTIONS };
  for (const command of COMMANDS) {
    for (const [name, option] of Object.values(command.flags).flatMap((table) => Object.entries(table))) {
      if (option.help === undefined || options[name]?.help === option.help) continue;
      const row = [flagText(name, option), option.help];
      const key = row.join();
      if (!commands.has(key)) commands.set(key, { row, names: [] });
      commands.get(key)!.names.push(command.name);
    }
  }
  return [...commands.values()].map(({ row: [flag, help], names }) => [flag!, names.join(", "), help!]);
}

/**
 * The document.
 *
 * @returns `docs/options.md`.
 * @throws {Failure} When an option has no comment, or its comment states another default.
 */
export function optionsDocument(): string {
  const header = ["option", "flag", "type", "default", "what it does"];
  const section = (title: string, table: OptionTable, files: readonly string[]) =>
    `## ${title}\n\n${tableOf(header, optionRows(table, files))}`;
  return `# Options

Made from the tables in \`engine/config/\` by \`bun scripts/options.ts\`. Every option may be left out; \`null\` and
\`undefined\` count as left out. A wrong value is refused with \`INVALID_PARAMETER\`, which names option and value; so is an
option that does not exist, with the name that was probably meant. \`engine.info.options\` has the values in effect. Flags
are those of \`upbeat generate\`, \`chat\` and \`trace\`.

${section("Engine.load(model, options)", { ...ENGINE_OPTIONS, ...ENGINE_HOOKS }, ["engine_options", "tracking"])}

${section("engine.generate(prompt, options)", GENERATE_OPTIONS, ["generate_options", "sampling_options", "tracking"])}

${section("engine.events(options)", EVENT_STREAM_OPTIONS, ["engine_options"])}

${section("engine.dispose(options)", DISPOSE_OPTIONS, ["engine_options"])}

## Flags of the commands

${tableOf(["flag", "commands", "what it does"], commandFlagRows())}

## Environment variables

${tableOf(["variable", "what it does"], ENVIRONMENT)}
`;
}
