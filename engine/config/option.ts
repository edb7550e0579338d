/**
 * Descriptions of options. A table of them is the one source of an option's type, default, bounds, command-line flag and
 * documentation: validation, `engine.info.options`, `upbeat --help` and `docs/options.md` follow from it.
 *
 * The comment of a table's entry is the option's documentation: editors show it, because the options' type is derived from
 * the table ({@linkcode Given}), and `scripts/options.ts` copies it to `docs/options.md`.
 *
 * @module
 */
import { checkNumber, invalid, type Range } from "./checks.ts";

/** Kinds of options; they differ in how a flag's text is read. */
export type OptionKind = "integer" | "number" | "boolean" | "choice" | "text" | "texts" | "tokenIds" | "value";

/** One option. */
export interface Option<Value = unknown, Default extends Value | null = Value | null> {
  readonly kind: OptionKind;
  /** Its TypeScript type, as in `"number"`. */
  readonly type: string;
  /** Bounds of a number. */
  readonly range: Range;
  /** The value when it is left out; null: none. */
  readonly default: Default;
  /** The default in words, where {@linkcode Option.default} does not tell it; null where it does. */
  readonly defaultText: string | null;
  /** Its flag on the command line; null: none. */
  readonly flag: OptionFlag | null;
  /**
   * Check a value.
   *
   * @param field The name for the message.
   * @param value The value.
   * @returns The value.
   * @throws {UpbeatError} `INVALID_PARAMETER`, naming field and value.
   */
  readonly check: (field: string, value: unknown) => Value;
}

/** How an option is given on the command line. */
export interface OptionFlag {
  /** Its name without dashes; null: that of the option in kebab case, with `no-` for a boolean whose default is true. */
  readonly name: string | null;
  /** A second name of one letter. */
  readonly short: string | null;
  /** What stands for the value in help, as in `"N"`; empty for a boolean. */
  readonly placeholder: string;
  /** One line for `--help`. */
  readonly help: string;
}

/** Options by name. */
export type OptionTable = Readonly<Record<string, Option>>;

/** The type of an option's value. */
export type ValueOf<O extends Option> = O extends Option<infer Value> ? Value : never;

/** Options as a caller gives them: any of them, under their names. */
export type Given<Table extends OptionTable> = { readonly [Name in keyof Table]?: ValueOf<Table[Name]> | undefined };

/** Options after validation: each has a value, or null where it has no default. */
export type Resolved<Table extends OptionTable> = {
  readonly [Name in keyof Table]: ValueOf<Table[Name]> | Extract<Table[Name]["default"], null>;
};

/** What every kind of option may say. */
interface Description<Value> {
  readonly default?: Value;
  readonly defaultText?: string;
  /** The flag's line in `--help`; without it the option has no flag. */
  readonly help?: string;
  readonly flag?: string;
  readonly short?: string;
  readonly placeholder?: string;
}

/** The type of `default` in a description: null where it has none. */
type DefaultOf<D, Value> = D extends { readonly default: Value } ? Value : null;

function option<Value, D extends Description<Value>>(
  kind: OptionKind,
  type: string,
  placeholder: string,
  description: D,
  check: Option<Value>["check"],
  range: Range = {},
): Option<Value, DefaultOf<D, Value>> {
  const { help, flag = null, short = null } = description;
  return {
    kind,
    type,
    range,
    default: (description.default ?? null) as DefaultOf<D, Value>,
    defaultText: description.defaultText ?? null,
    flag: help === undefined ? null : { name: flag, short, placeholder: description.placeholder ?? placeholder, help },
    check,
  };
}

/** An integer within bounds. */
export function integer<const D extends Description<number> & Range>(
  description: D,
): Option<number, DefaultOf<D, number>> {
  const { min, max } = description;
  const range = { min, max };
  return option(
    "integer",
    "number",
    "N",
    description,
    (field, value) => checkNumber(field, value, range, "integer"),
    range,
  );
}

/** A finite number within bounds. */
export function number<const D extends Description<number> & Range>(
  description: D,
): Option<number, DefaultOf<D, number>> {
  const { min, above, max } = description;
  const range = { min, above, max };
  return option(
    "number",
    "number",
    "X",
    description,
    (field, value) => checkNumber(field, value, range, "number"),
    range,
  );
}

/** True or false. */
export function boolean<const D extends Description<boolean>>(description: D): Option<boolean, DefaultOf<D, boolean>> {
  return option("boolean", "boolean", "", description, (field, value) => {
    if (typeof value !== "boolean") throw invalid(field, "must be true or false", value);
    return value;
  });
}

/** One of some words. */
export function choice<const Choice extends string, const D extends Description<Choice>>(
  choices: readonly Choice[],
  description: D,
): Option<Choice, DefaultOf<D, Choice>> {
  const type = choices.map((word) => JSON.stringify(word)).join(" | ");
  return option("choice", type, choices.join("|"), description, (field, value) => {
    const found = choices.find((candidate) => candidate === value);
    if (found === undefined) throw invalid(field, `must be one of ${choices.join(", ")}`, value);
    return found;
  });
}

/** Text. */
export function text<const D extends Description<string>>(description: D): Option<string, DefaultOf<D, string>> {
  return option("text", "string", "TEXT", description, (field, value) => {
    if (typeof value !== "string") throw invalid(field, "must be a string", value);
    return value;
  });
}

/** One or more texts, none of them empty; the flag may be repeated. */
export function texts<const D extends Description<readonly string[]>>(
  maxCount: number,
  description: D,
): Option<string | readonly string[], DefaultOf<D, string | readonly string[]>> {
  return option("texts", "string | string[]", "TEXT", description, (field, value) => {
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    const wrong = list.findIndex((item) => typeof item !== "string" || item === "");
    if (wrong >= 0) throw invalid(field, "must be non-empty strings", list[wrong]);
    if (list.length > maxCount) throw invalid(field, `may have at most ${maxCount} strings`, list.length);
    return value as string | readonly string[];
  });
}

/** Token ids. */
export function tokenIds<const D extends Description<readonly number[]>>(
  description: D,
): Option<readonly number[], DefaultOf<D, readonly number[]>> {
  return option("tokenIds", "number[]", "1,2,3", description, (field, value) => {
    const isList = Array.isArray(value) && value.every((id) => Number.isSafeInteger(id) && id >= 0);
    if (!isList) throw invalid(field, "must be token ids", value);
    return value as readonly number[];
  });
}

/** A function that Upbeat calls. */
export function callback<Callback extends (...args: never[]) => void>(type: string): Option<Callback, null> {
  return option<Callback, Description<Callback>>("value", type, "", {}, (field, value) => {
    if (typeof value !== "function") throw invalid(field, "must be a function", value);
    return value as Callback;
  }) as Option<Callback, null>;
}

/** A value that is checked where it is used. */
export function value<Value>(type: string): Option<Value, null> {
  return option<Value, Description<Value>>("value", type, "", {}, (_, given) => given as Value) as Option<Value, null>;
}

/**
 * Validate options and fill in defaults. A value of `null` or `undefined` counts as left out.
 *
 * @param table The options that exist.
 * @param given What the caller gave.
 * @param defaults Defaults that take precedence over those of the table.
 * @returns A value for each option.
 * @throws {UpbeatError} `INVALID_PARAMETER`, naming field and value.
 * @example
 * ```ts
 * resolveOptions({ topK: integer({ min: 0, default: 0 }), seed: integer({ min: 0 }) }, { topK: 5 }); // { topK: 5, seed: null }
 * ```
 */
export function resolveOptions<Table extends OptionTable>(
  table: Table,
  given: Given<Table>,
  defaults: Given<Table> = {},
): Resolved<Table> {
  const resolved: Record<string, unknown> = {};
  for (const name of Object.keys(table)) resolved[name] = resolveOption(table, name, given, defaults);
  return resolved as Resolved<Table>;
}

/**
 * Validate one option; see {@linkcode resolveOptions}.
 *
 * @param table The options that exist.
 * @param name The option.
 * @param given What the caller gave.
 * @param defaults Defaults that take precedence over those of the table.
 * @returns Its value.
 * @throws {UpbeatError} `INVALID_PARAMETER`, naming field and value.
 */
export function resolveOption<Table extends OptionTable, Name extends keyof Table & string>(
  table: Table,
  name: Name,
  given: Given<Table>,
  defaults: Given<Table> = {},
): Resolved<Table>[Name] {
  const { check, default: fallback } = table[name]!;
  const value = given[name] ?? defaults[name] ?? fallback;
  return (value === null ? null : check(name, value)) as Resolved<Table>[Name];
}

/**
 * The flag of an option.
 *
 * @param name The option's name.
 * @param option The option.
 * @returns The flag without dashes, as in `"max-tokens"` or `"no-overlap"`; null when it has none.
 */
export function flagName(name: string, option: Option): string | null {
  if (option.flag === null) return null;
  const kebab = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return option.flag.name ?? (option.default === true ? `no-${kebab}` : kebab);
}
