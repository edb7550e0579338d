/**
 * A command's flags: read, checked and listed by `--help` from the descriptions of options.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { rangeText, TECHNICAL_BOUND } from "../../engine/config/checks.ts";
import { nearest } from "../../engine/config/nearest.ts";
import {
  boolean,
  flagName,
  type Given,
  isNegatable,
  type Option,
  type OptionTable,
} from "../../engine/config/option.ts";
import { UpbeatError } from "../../errors.ts";
import { UsageError } from "../errors.ts";

/** The values of flags, under the names of their options; undefined where a flag was not given. */
export type FlagValues<Table extends OptionTable> = Given<Table>;

/** Tables of flags by the heading that `--help` shows them under. */
export type FlagGroups = Readonly<Record<string, OptionTable>>;

/** A command line that was read. */
export interface ParsedFlags<Table extends OptionTable> {
  /** The values of the flags that were given. */
  readonly values: FlagValues<Table>;
  /** The arguments that are not flags. */
  readonly positional: readonly string[];
  /** Whether `--help` was given; then values are not read. */
  readonly help: boolean;
}

/** A flag of an option. */
interface Flag {
  /** Without dashes. */
  readonly name: string;
  readonly optionName: string;
  readonly option: Option;
  /** The flag that sets the option to false; null: none. */
  readonly negation: string | null;
}

/** The flags of those options that have one. */
function flagsOf(table: OptionTable): Flag[] {
  return Object.entries(table).flatMap(([optionName, option]) => {
    const name = flagName(optionName, option);
    const negation = isNegatable(option) ? `no-${name}` : null;
    return name === null ? [] : [{ name, optionName, option, negation }];
  });
}

/**
 * Read a command line.
 *
 * @param args The arguments after the command's name.
 * @param table The flags that exist, in addition to `--help`; options without a flag are ignored.
 * @returns Values and positional arguments.
 * @throws {UsageError} Naming the flag that is unknown (with the nearest known one), lacks its value or has a wrong one.
 */
export function parseFlags<const Table extends OptionTable>(args: readonly string[], table: Table): ParsedFlags<Table> {
  const flags = flagsOf(table);
  const namesOf = (test: (flag: Flag) => boolean) => flags.filter(test).map(({ name }) => name);
  const negations = flags.flatMap(({ negation }) => negation ?? []);
  const unknown: string[] = [];
  const aliases = flags.flatMap(({ name, option: { short } }) => (short === undefined ? [] : [[name, short]]));
  const parsed = parseArgs([...args], {
    boolean: ["help", ...namesOf(({ option }) => option.kind === "boolean"), ...negations],
    string: ["_", ...namesOf(({ option }) => option.kind !== "boolean")],
    collect: namesOf(({ option }) => option.kind === "texts"),
    alias: { help: "h", ...Object.fromEntries(aliases) },
    unknown: (arg, key) => {
      if (key !== undefined) unknown.push(arg);
      return key === undefined;
    },
  }) as Record<string, unknown> & { _: (string | number)[] };
  const positional = parsed._.map(String);
  if (parsed["help"] === true) return { values: {}, positional, help: true };
  const values: Record<string, unknown> = {};
  for (const flag of flags) {
    const isNegated = flag.negation !== null && parsed[flag.negation] === true;
    const value = isNegated ? false : readFlag(flag, parsed[flag.name], unknown);
    if (value !== undefined) values[flag.optionName] = value;
  }
  if (unknown[0] !== undefined) throw unknownFlag(unknown[0], [...flags.map(({ name }) => name), ...negations]);
  return { values: values as FlagValues<Table>, positional, help: false };
}

function unknownFlag(arg: string, names: readonly string[]): UsageError {
  const typed = arg.replace(/=.*$/s, "");
  const near = nearest(typed.replace(/^-+/, ""), names);
  const hint = near === null ? "" : `; did you mean --${near}?`;
  const advice = near === null && !typed.startsWith("--") ? " (text that begins with - goes after --)" : "";
  return new UsageError(`unknown flag ${typed}${hint}${advice}`);
}

/** The value of a flag; undefined when it was not given. */
function readFlag(flag: Flag, given: unknown, unknown: readonly string[]): unknown {
  const { name, option } = flag;
  if (option.kind === "boolean") return given === true ? option.default !== true : undefined;
  const texts = given === undefined ? [] : [given].flat().map(String);
  if (texts.length === 0) return undefined;
  if (texts.includes("")) throw missingValue(flag, unknown);
  try {
    return option.check(`--${name}`, option.kind === "texts" ? texts : parse(flag, texts[0]!));
  } catch (error) {
    throw error instanceof UpbeatError ? new UsageError(error.message) : error;
  }
}

/** Convert a flag's text to its option's type. Text that is not a number stays text, for the error of the option's check. */
function parse({ name, option }: Flag, text: string): unknown {
  switch (option.kind) {
    case "integer":
    case "number":
      return /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(text) ? Number(text) : text;
    case "tokenIds":
      return parseIds(`--${name}`, text);
    default:
      return text;
  }
}

function missingValue({ name, option: { placeholder } }: Flag, unknown: readonly string[]): UsageError {
  // `--seed -1` parses as two flags, the second of them unknown.
  const dashed = unknown.find((arg) => /^-[\d.]/.test(arg));
  const hint = dashed === undefined ? "" : ` (attach a value that begins with -: --${name}=${dashed})`;
  return new UsageError(`--${name} needs a value ${placeholder}${hint}`);
}

/**
 * Read token ids.
 *
 * @param what Where they come from, for the message.
 * @param text Ids separated by commas or spaces, with or without brackets around.
 * @returns The ids.
 * @throws {UsageError} When one is not a whole number, or there is none.
 */
export function parseIds(what: string, text: string): number[] {
  const parts = text.trim().replace(/^\[([\s\S]*)\]$/, "$1").split(/[\s,]+/).filter((part) => part !== "");
  const wrong = parts.find((part) => !/^\d+$/.test(part) || !Number.isSafeInteger(Number(part)));
  if (wrong !== undefined || parts.length === 0) {
    throw new UsageError(`${what} must be token ids such as 1,2,3, not ${JSON.stringify(wrong ?? text)}`);
  }
  return parts.map(Number);
}

/** The flag of every command. */
const HELP_FLAGS = { help: boolean({ short: "h", help: "show this help" }) } as const;

/** Columns of a line of help. */
const HELP_WIDTH = 100;

/** Columns of the flags in it; longer ones have a line of their own. */
const FLAG_WIDTH = 28;

/**
 * The flags as `--help` shows them.
 *
 * @param groups The flags.
 * @returns A paragraph per group, with bounds and defaults.
 */
export function describeFlags(groups: FlagGroups): string {
  return Object.entries({ ...groups, Help: HELP_FLAGS }).map(([heading, table]) => {
    return [`${heading}:`, ...flagsOf(table).map(describeFlag)].join("\n");
  }).join("\n\n");
}

function describeFlag({ name, option, negation }: Flag): string {
  const { short, placeholder, help = "" } = option;
  const head = `${short === undefined ? "" : `-${short}, `}--${negation === null ? "" : "[no-]"}${name} ${placeholder}`
    .trimEnd();
  const facts = factsOf(option);
  const lines = wrap(facts === "" ? help : `${help} (${facts})`, HELP_WIDTH - FLAG_WIDTH - 4);
  const first = head.length > FLAG_WIDTH ? [`  ${head}`] : [`  ${head.padEnd(FLAG_WIDTH)}  ${lines.shift()}`];
  return [...first, ...lines.map((line) => `${" ".repeat(FLAG_WIDTH + 4)}${line}`)].join("\n");
}

/** Bounds and default of an option that has a value. */
function factsOf(option: Option): string {
  if (option.kind === "boolean" && !isNegatable(option)) return "";
  const fallback = option.defaultText?.replaceAll("`", "") ?? option.default;
  const facts = [rangeText(option, TECHNICAL_BOUND), fallback === null ? "" : `default: ${fallback}`];
  return facts.filter((fact) => fact !== "").join("; ");
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
