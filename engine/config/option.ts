/**
 * Descriptions of options. A table of them is the one source of an option's type, default, bounds, command-line flag and
 * documentation: validation, `engine.info.options`, `upbeat --help` and `docs/options.md` follow from it.
 *
 * The comment of a table's entry is the option's documentation: editors show it, because the options' type is derived from
 * the table ({@linkcode Given}), and `scripts/options.ts` copies it to `docs/options.md`.
 *
 * @module
 */
import { messageOf, showValue, toUpbeatError, UpbeatError } from "../../errors.ts";
import { checkNumber, invalid, type Range } from "./checks.ts";
import { nearest } from "./nearest.ts";

/** Kinds of options; they differ in how a flag's text is read. */
export type OptionKind = "integer" | "number" | "boolean" | "choice" | "text" | "texts" | "tokenIds" | "value";

/** One option. */
export interface Option<Value = unknown, Default extends Value | null = Value | null> extends Range {
  readonly kind: OptionKind;
  /** Its TypeScript type, as in `"number"`. */
  readonly type: string;
  /** The value when it is left out; null: none. */
  readonly default: Default;
  /** The default in words, where {@linkcode Option.default} is not the whole truth. */
  readonly defaultText?: string;
  /** What its flag does, in a line of `--help`; without it there is no flag. */
  readonly help?: string;
  /** The flag without dashes, where {@linkcode flagName} is to return another one. */
  readonly flag?: string;
  /** A second flag, of one letter. */
  readonly short?: string;
  /** Stands for the value in `--help`, as in `"N"`; empty for a boolean. */
  readonly placeholder: string;
  /** Returns the value, or throws `INVALID_PARAMETER`, naming field and value. */
  readonly check: (field: string, value: unknown) => Value;
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

/** An entry of a table, without its kind. */
type Description<Value> = Partial<Omit<Option<Value>, "kind" | "type" | "check">>;

/** The default in a description: null where it has none. */
type DefaultOf<D, Value> = D extends { readonly default: Value } ? Value : null;

function option<Value, D extends Description<Value>>(
  kind: OptionKind,
  type: string,
  placeholder: string,
  description: D,
  check: Option<Value>["check"],
): Option<Value, DefaultOf<D, Value>> {
  return { kind, type, placeholder, default: null, ...description, check } as Option<Value, DefaultOf<D, Value>>;
}

/** An integer within bounds. */
export function integer<const D extends Description<number>>(description: D): Option<number, DefaultOf<D, number>> {
  const check = (field: string, value: unknown) => checkNumber(field, value, description, "integer");
  return option("integer", "number", "N", description, check);
}

/** A finite number within bounds. */
export function number<const D extends Description<number>>(description: D): Option<number, DefaultOf<D, number>> {
  const check = (field: string, value: unknown) => checkNumber(field, value, description, "number");
  return option("number", "number", "X", description, check);
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
export function text(description: Description<string>): Option<string, null> {
  return option<string, object>("text", "string", "TEXT", description, (field, value) => {
    if (typeof value !== "string") throw invalid(field, "must be a string", value);
    return value;
  });
}

/**
 * At most `maxCount` texts, none of them empty, with at most `maxCharacters` characters together; the flag may be repeated.
 */
export function texts(
  maxCount: number,
  maxCharacters: number,
  description: Description<string | readonly string[]>,
): Option<string | readonly string[], null> {
  return option<string | readonly string[], object>(
    "texts",
    "string | string[]",
    "TEXT",
    description,
    (field, value) => {
      const length = Array.isArray(value) ? value.length : 1;
      if (length > maxCount) throw invalid(field, `may have at most ${maxCount} strings`, length);
      // Copied before the checks: a getter or a proxy may return another value the next time.
      const list: readonly unknown[] = Array.isArray(value) ? Array.from({ length }, (_, at) => value[at]) : [value];
      let characters = 0;
      for (const item of list) {
        if (typeof item !== "string" || item === "") throw invalid(field, "must be non-empty strings", item);
        characters += item.length;
      }
      if (characters > maxCharacters) {
        throw invalid(field, `may have at most ${maxCharacters} characters together`, characters);
      }
      return Array.isArray(value) ? list as readonly string[] : value as string;
    },
  );
}

/** Token ids, at most `maxCount`. */
export function tokenIds(
  description: Description<readonly number[]>,
  maxCount = Infinity,
): Option<readonly number[], null> {
  return option<readonly number[], object>("tokenIds", "number[]", "1,2,3", description, (field, value) => {
    if (Array.isArray(value) && value.length > maxCount) {
      throw invalid(field, `may have at most ${maxCount} token ids`, value.length);
    }
    const isList = Array.isArray(value) && value.every((id) => Number.isSafeInteger(id) && id >= 0);
    if (!isList) throw invalid(field, "must be token ids", value);
    return value as readonly number[];
  });
}

/** A function that Upbeat calls. */
export function callback<Callback extends (...args: never[]) => void>(type: string): Option<Callback, null> {
  return option<Callback, object>("value", type, "", {}, (field, value) => {
    if (typeof value !== "function") throw invalid(field, "must be a function", value);
    return value as Callback;
  });
}

/** Values by name, as in an object literal. */
export function record<Value extends object>(type: string): Option<Value, null> {
  return option<Value, object>("value", type, "", {}, (field, value) => {
    if (!isRecord(value)) throw invalid(field, "must be an object", value);
    return value as Value;
  });
}

/** An AbortSignal; one of another realm or of a polyfill too, so it is known by what is used of it. */
export function abortSignal(): Option<AbortSignal, null> {
  return option<AbortSignal, object>("value", "AbortSignal", "", {}, (field, value) => {
    const signal = value as Partial<AbortSignal>;
    const isSignal = typeof value === "object" && typeof signal.aborted === "boolean" &&
      typeof signal.addEventListener === "function" && typeof signal.removeEventListener === "function";
    if (!isSignal) throw invalid(field, "must be an AbortSignal", value);
    return value as AbortSignal;
  });
}

/** Whether a value has its content under names, unlike a list, a map or a function. */
function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !ArrayBuffer.isView(value) && !(Symbol.iterator in value);
}

/**
 * Read the options that a caller gave, each of them once, without checking their values.
 *
 * @param table The options that exist.
 * @param given What the caller gave: an object; null or undefined for no options.
 * @returns The options that have a value: those that are null or undefined count as left out.
 * @throws {UpbeatError} `INVALID_PARAMETER` for what is no object, for an option that does not exist, with the name that was
 * probably meant, and for one that cannot be read.
 * @example
 * ```ts
 * readOptions(GENERATE_OPTIONS, { max_tokens: 5 }); // throws: there is no option "max_tokens"; did you mean maxTokens?
 * ```
 */
export function readOptions<Table extends OptionTable>(table: Table, given: unknown): Given<Table> {
  if (given === null || given === undefined) return {};
  return readGiven("options", () => {
    if (!isRecord(given)) throw invalid("options", "must be an object", given);
    const read: Record<string, unknown> = {};
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(table, name) && isGiven(given[name])) throw unknown(name, table);
    }
    // By the table's names, as options may be inherited.
    for (const name of Object.keys(table)) {
      const value = given[name];
      if (isGiven(value)) read[name] = value;
    }
    return read as Given<Table>;
  });
}

/**
 * Read a value of a caller: it may have getters, or be a proxy, that throw.
 *
 * @param field The field's name.
 * @param read Reads it.
 * @returns What `read` returns.
 * @throws {UpbeatError} That of `read`; `INVALID_PARAMETER` for any other error.
 */
export function readGiven<Value>(field: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    const typed = toUpbeatError(error);
    if (typed === error) throw error;
    const message = `${field} cannot be read: ${showValue(messageOf(error))}`;
    throw new UpbeatError("INVALID_PARAMETER", message, { field }, { cause: error });
  }
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined;
}

function unknown(name: string, table: OptionTable): UpbeatError {
  const near = nearest(name, Object.keys(table));
  const hint = near === null ? `the options are ${Object.keys(table).join(", ")}` : `did you mean ${near}?`;
  return new UpbeatError("INVALID_PARAMETER", `there is no option ${showValue(name)}; ${hint}`, { field: name });
}

/**
 * Validate options and fill in defaults. A value of `null` or `undefined` counts as left out.
 *
 * @param table The options that exist.
 * @param given What the caller gave.
 * @param defaults Defaults that take precedence over those of the table.
 * @returns A value for each option.
 * @throws {UpbeatError} `INVALID_PARAMETER`, naming field and value; for unknown options as in {@linkcode readOptions}.
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
  const read = readOptions(table, given);
  const resolved: Record<string, unknown> = {};
  for (const name of Object.keys(table)) resolved[name] = resolveOption(table, name, read, defaults);
  return resolved as Resolved<Table>;
}

/** Validate one option of a table among those that {@linkcode readOptions} returned, like {@linkcode resolveOptions}. */
export function resolveOption<Table extends OptionTable, Name extends keyof Table & string>(
  table: Table,
  name: Name,
  given: Given<Table>,
  defaults: Given<Table> = {},
): Resolved<Table>[Name] {
  const { check, default: fallback } = table[name]!;
  const value = given[name] ?? defaults[name] ?? fallback;
  return (value === null ? null : readGiven(name, () => check(name, value))) as Resolved<Table>[Name];
}

/**
 * The options of a table among those of several.
 *
 * @param table The table.
 * @param values Options by name.
 * @returns Those that are in the table.
 */
export function pickOptions<Table extends OptionTable>(table: Table, values: object): Given<Table> {
  const picked: Record<string, unknown> = {};
  for (const name of Object.keys(table)) {
    if (Object.hasOwn(values, name)) picked[name] = (values as Record<string, unknown>)[name];
  }
  return picked as Given<Table>;
}

/**
 * Whether an option is a boolean whose default depends on something else, so that its flag comes in two forms, as in
 * `--overlap` and `--no-overlap`.
 *
 * @param option The option.
 */
export function isNegatable({ kind, default: value, defaultText }: Option): boolean {
  return kind === "boolean" && value === null && defaultText !== undefined;
}

/**
 * The flag of an option.
 *
 * @param name The option's name.
 * @param option The option.
 * @returns The name in kebab case, with `no-` for a boolean whose default is true; null without a flag.
 */
export function flagName(name: string, { help, flag, default: fallback }: Option): string | null {
  if (help === undefined) return null;
  const kebab = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return flag ?? (fallback === true ? `no-${kebab}` : kebab);
}
