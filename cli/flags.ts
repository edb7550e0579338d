/**
 * A command's flags: declared once, read and checked from that declaration, and listed by `--help` from it.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { nearest, UsageError } from "./usage.ts";

/** One flag. */
export type Flag =
  /** Given or not. */
  | { readonly kind: "boolean"; readonly help: string }
  /** A number within bounds; `above` excludes its own value. */
  | {
    readonly kind: "number" | "integer";
    readonly help: string;
    readonly min?: number;
    readonly above?: number;
    readonly max?: number;
    readonly value?: string;
  }
  /** Any text; `short` is another name, of one letter. */
  | { readonly kind: "text"; readonly help: string; readonly value: string; readonly short?: string }
  /** Any text, any number of times. */
  | { readonly kind: "texts"; readonly help: string; readonly value: string }
  /** Token ids with commas between. */
  | { readonly kind: "ids"; readonly help: string }
  /** One of some words. */
  | { readonly kind: "choice"; readonly help: string; readonly choices: readonly string[] };

/** Flags by name, without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

/** What a flag's value is in the program. */
export type FlagValue<F extends Flag> = F extends { kind: "boolean" } ? boolean
  : F extends { kind: "number" | "integer" } ? number | undefined
  : F extends { kind: "text" } ? string | undefined
  : F extends { kind: "texts" } ? readonly string[]
  : F extends { kind: "ids" } ? readonly number[] | undefined
  : F extends { kind: "choice"; choices: readonly (infer C)[] } ? C | undefined
  : never;

/** The values of all flags. */
export type FlagValues<F extends Flags> = { readonly [Name in keyof F]: FlagValue<F[Name]> };

/** A command line that was read. */
export interface ParsedFlags<F extends Flags> {
  /** What the flags were set to. */
  readonly values: FlagValues<F>;
  /** The arguments that are no flags. */
  readonly positional: readonly string[];
  /** Whether help was asked for; then nothing was checked. */
  readonly help: boolean;
}

/**
 * Read a command line.
 *
 * @param args The arguments behind the command's name.
 * @param flags The flags that exist, besides `--help`.
 * @returns Values and positional arguments.
 * @throws {UsageError} Naming the flag that is unknown (with the nearest known one), lacks its value or has a wrong one.
 */
export function parseFlags<const F extends Flags>(args: readonly string[], flags: F): ParsedFlags<F> {
  const names = Object.keys(flags);
  const ofKind = (test: (flag: Flag) => boolean) => names.filter((name) => test(flags[name]!));
  const unknown: string[] = [];
  const short = Object.fromEntries(names.flatMap((name) => shortOf(flags[name]!).map((letter) => [name, letter])));
  const parsed = parseArgs([...args], {
    boolean: ["help", ...ofKind((flag) => flag.kind === "boolean")],
    string: ["_", ...ofKind((flag) => flag.kind !== "boolean")],
    collect: ofKind((flag) => flag.kind === "texts"),
    alias: { help: "h", ...short },
    unknown: (arg, key) => {
      if (key !== undefined) unknown.push(arg);
      return key === undefined;
    },
  }) as Record<string, unknown> & { _: (string | number)[] };
  const positional = parsed._.map(String);
  if (parsed["help"] === true) return { values: {} as FlagValues<F>, positional, help: true };
  const values: Record<string, unknown> = {};
  for (const name of names) values[name] = readFlag(name, flags[name]!, parsed[name], unknown);
  if (unknown[0] !== undefined) throw unknownFlag(unknown[0], names);
  return { values: values as FlagValues<F>, positional, help: false };
}

function unknownFlag(arg: string, names: readonly string[]): UsageError {
  const typed = arg.replace(/=.*$/s, "");
  const near = nearest(typed.replace(/^-+/, ""), names);
  const hint = near === null ? "" : `; did you mean --${near}?`;
  const advice = near === null && !typed.startsWith("--") ? " (text that begins with - goes behind --)" : "";
  return new UsageError(`unknown flag ${typed}${hint}${advice}`);
}

function readFlag(name: string, flag: Flag, value: unknown, unknown: readonly string[]): unknown {
  if (flag.kind === "boolean") return value === true;
  if (flag.kind === "texts") {
    const texts = (value ?? []) as string[];
    if (texts.includes("")) throw missingValue(name, flag, unknown);
    return texts;
  }
  if (value === undefined) return undefined;
  const text = String(value);
  if (text === "") throw missingValue(name, flag, unknown);
  switch (flag.kind) {
    case "text":
      return text;
    case "ids":
      return parseIds(`--${name}`, text);
    case "choice":
      if (flag.choices.includes(text)) return text;
      throw new UsageError(`--${name} must be one of ${flag.choices.join(", ")}, not ${JSON.stringify(text)}`);
    default:
      return parseNumber(name, flag, text);
  }
}

function missingValue(name: string, flag: Flag, unknown: readonly string[]): UsageError {
  // `--seed -1` reads as two flags, of which the second is not known.
  const dashed = unknown.find((arg) => /^-[\d.]/.test(arg));
  const hint = dashed === undefined ? "" : ` (one that begins with - is attached: --${name}=${dashed})`;
  return new UsageError(`--${name} needs a value ${placeholder(flag)}${hint}`);
}

function parseNumber(name: string, flag: Extract<Flag, { kind: "number" | "integer" }>, text: string): number {
  const value = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(text) ? Number(text) : NaN;
  const { min = -Infinity, max = Infinity, above = -Infinity } = flag;
  const isRight = (flag.kind === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value)) &&
    value >= min && value <= max && value > above;
  if (isRight) return value;
  const bounds = [
    flag.above === undefined ? "" : `above ${flag.above}`,
    flag.min === undefined ? "" : `at least ${flag.min}`,
    flag.max === undefined ? "" : `at most ${flag.max}`,
  ].filter((bound) => bound !== "");
  const what = flag.kind === "integer" ? "a whole number" : "a number";
  const rule = [what, bounds.join(" and ")].filter((part) => part !== "").join(" ");
  throw new UsageError(`--${name} must be ${rule}, not ${JSON.stringify(text)}`);
}

/**
 * Read token ids.
 *
 * @param what Where they come from, for the message.
 * @param text Ids with commas or spaces between, with or without brackets around.
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

/** A flag's other name, where it has one. */
function shortOf(flag: Flag): string[] {
  return flag.kind === "text" && flag.short !== undefined ? [flag.short] : [];
}

function placeholder(flag: Flag): string {
  switch (flag.kind) {
    case "boolean":
      return "";
    case "number":
    case "integer":
      return flag.value ?? "N";
    case "ids":
      return "1,2,3";
    case "choice":
      return flag.choices.join("|");
    default:
      return flag.value;
  }
}

/**
 * The flags as help shows them.
 *
 * @param flags The flags.
 * @returns One line per flag, `--help` last.
 */
export function describeFlags(flags: Flags): string {
  const all: Flags = { ...flags, help: { kind: "boolean", help: "show this help" } };
  const heads = Object.entries(all).map(([name, flag]) => {
    const names = [...shortOf(flag).map((letter) => `-${letter}`), `--${name}`].join(", ");
    return `${names} ${placeholder(flag)}`.trimEnd();
  });
  const width = Math.min(28, Math.max(...heads.map((head) => head.length)));
  return Object.values(all).map((flag, at) => {
    const head = heads[at]!;
    const gap = head.length > width ? `\n${" ".repeat(width + 4)}` : " ".repeat(width + 2 - head.length);
    return `  ${head}${gap}${flag.help}`;
  }).join("\n");
}
