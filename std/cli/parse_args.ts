/**
 * Parse command-line arguments, with the conventions of minimist.
 *
 * A subset of `@std/cli/parse-args`: no dotted names (`--a.b`), no `boolean: true`, simpler types.
 *
 * @module
 */

/** The flags. */
export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
> {
  /** Flags without a value. They are `false` when not given. */
  boolean?: B | readonly B[];
  /** Flags whose value stays text, even when it looks like a number. `_` stands for the positional arguments. */
  string?: S | readonly S[];
  /** Flags that may be repeated; their values are an array, `[]` when not given. */
  collect?: C | readonly C[];
  /** Flags that `--no-NAME` sets to `false`. */
  negatable?: string | readonly string[];
  /** Defaults of flags. */
  default?: Record<string, unknown>;
  /** Aliases of a flag; every name gets the value. */
  alias?: Record<string, string | readonly string[]>;
  /** Everything after the first positional argument is positional. */
  stopEarly?: boolean;
  /** Arguments after `--` go to `"--"` instead of `_`. */
  "--"?: boolean;
  /** Called for each flag not named above and, without `key`, for each positional argument; `false` drops it. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Parsed arguments. */
export type Args<
  B extends string = never,
  S extends string = never,
  C extends string = never,
> =
  & { [K in Exclude<B, C>]: boolean }
  & { [K in Extract<B, C>]: boolean[] }
  & { [K in Exclude<S, C | "_">]?: string }
  & { [K in Extract<S, C>]: string[] }
  & { [K in Exclude<C, B | S>]: unknown[] }
  & { _: (string | number)[]; "--"?: string[] }
  & Record<string, unknown>;

const NUMBER = /^(?:0x[0-9a-f]+|[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)$/i;
const LONG = /^--(?<key>[^=]+)(?:=(?<value>.*))?$/s;
const SHORT = /^-(?<letters>[^-].*)$/s;

function listOf(
  value: string | readonly string[] | undefined,
): readonly string[] {
  return value === undefined ? [] : typeof value === "string" ? [value] : value;
}

/** The state of one {@linkcode parseArgs} call. */
class Parser {
  readonly result: {
    _: (string | number)[];
    "--"?: string[];
    [key: string]: unknown;
  } = { _: [] };
  readonly #options: ParseOptions;
  /** All names of a flag, by each of them. */
  readonly #names = new Map<string, readonly string[]>();
  readonly #boolean: ReadonlySet<string>;
  readonly #string: ReadonlySet<string>;
  readonly #collect: ReadonlySet<string>;
  readonly #negatable: ReadonlySet<string>;

  constructor(options: ParseOptions) {
    this.#options = options;
    for (const [key, aliases] of Object.entries(options.alias ?? {})) {
      const names = [key, ...listOf(aliases)];
      for (const name of names) this.#names.set(name, names);
    }
    const withAliases = (keys: string | readonly string[] | undefined) =>
      new Set(listOf(keys).flatMap((key) => this.#namesOf(key)));
    this.#boolean = withAliases(options.boolean);
    this.#string = withAliases(options.string);
    this.#collect = withAliases(options.collect);
    this.#negatable = withAliases(options.negatable);
  }

  #namesOf(key: string): readonly string[] {
    return this.#names.get(key) ?? [key];
  }

  parse(args: readonly string[]): void {
    const end = args.indexOf("--");
    const before = end < 0 ? args : args.slice(0, end);
    for (let at = 0; at < before.length; at++) {
      const arg = before[at]!;
      const long = LONG.exec(arg)?.groups;
      const short = SHORT.exec(arg)?.groups;
      if (long) {
        at += this.#long(arg, long["key"]!, long["value"], before[at + 1]);
      } else if (short) {
        at += this.#short(arg, short["letters"]!, before[at + 1]);
      } else {
        this.#positional(arg);
        if (this.#options.stopEarly) {
          this.result._.push(...before.slice(at + 1));
          break;
        }
      }
    }
    this.#addDefaults();
    const after = end < 0 ? [] : args.slice(end + 1);
    if (this.#options["--"]) this.result["--"] = [...after];
    else this.result._.push(...after);
  }

  /** Read `--key`, `--key=value`, `--no-key`. Returns the number of further arguments consumed. */
  #long(
    arg: string,
    key: string,
    value: string | undefined,
    next: string | undefined,
  ): number {
    if (value !== undefined) {
      this.#set(arg, key, this.#boolean.has(key) ? value !== "false" : value);
      return 0;
    }
    if (key.startsWith("no-") && this.#negatable.has(key.slice(3))) {
      this.#set(arg, key.slice(3), false, true);
      return 0;
    }
    return this.#valueFromNext(arg, key, next);
  }

  /** Read `-a`, `-abc`, `-n5`, `-n=5`. Returns the number of further arguments consumed. */
  #short(arg: string, letters: string, next: string | undefined): number {
    for (let at = 0; at < letters.length - 1; at++) {
      const letter = letters[at]!;
      const rest = letters.slice(at + 1);
      if (
        rest.startsWith("=") ||
        (/[A-Za-z]/.test(letter) && (NUMBER.test(rest) || /^\W/.test(rest)))
      ) {
        this.#set(arg, letter, rest.startsWith("=") ? rest.slice(1) : rest);
        return 0;
      }
      this.#set(arg, letter, this.#string.has(letter) ? "" : true);
    }
    return this.#valueFromNext(arg, letters.at(-1)!, next);
  }

  /** Take the next argument as the value, where the flag takes one and the argument is not itself a flag. */
  #valueFromNext(arg: string, key: string, next: string | undefined): number {
    if (
      next !== undefined && next !== "" && !this.#boolean.has(key) &&
      (next === "-" || !next.startsWith("-"))
    ) {
      this.#set(arg, key, next);
      return 1;
    }
    if (next === "true" || next === "false") {
      this.#set(arg, key, next === "true");
      return 1;
    }
    this.#set(arg, key, this.#string.has(key) ? "" : true);
    return 0;
  }

  #set(
    arg: string,
    key: string,
    value: string | boolean,
    negated = false,
  ): void {
    const known = this.#boolean.has(key) || this.#string.has(key) ||
      this.#names.has(key) ||
      (negated && this.#negatable.has(key));
    if (!known && this.#options.unknown?.(arg, key, value) === false) return;
    const typed = typeof value === "string" && !this.#string.has(key) && NUMBER.test(value) ? Number(value) : value;
    for (const name of this.#namesOf(key)) {
      if (!this.#collect.has(name) || negated) this.#assign(name, typed);
      else {
        const values = Object.hasOwn(this.result, name) ? this.result[name] : [];
        this.#assign(
          name,
          Array.isArray(values) ? [...values as unknown[], typed] : [typed],
        );
      }
    }
  }

  /** Define a plain property: `--__proto__` is data too. */
  #assign(name: string, value: unknown): void {
    Object.defineProperty(this.result, name, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }

  #positional(arg: string): void {
    if (this.#options.unknown?.(arg) === false) return;
    this.result._.push(
      !this.#string.has("_") && NUMBER.test(arg) ? Number(arg) : arg,
    );
  }

  #addDefaults(): void {
    for (const [key, value] of Object.entries(this.#options.default ?? {})) {
      for (const name of this.#namesOf(key)) {
        if (!Object.hasOwn(this.result, name)) this.#assign(name, value);
      }
    }
    for (const name of this.#boolean) {
      if (!Object.hasOwn(this.result, name)) {
        this.#assign(name, this.#collect.has(name) ? [] : false);
      }
    }
    for (const name of this.#collect) {
      if (!Object.hasOwn(this.result, name)) this.#assign(name, []);
    }
  }
}

/**
 * Parse command-line arguments.
 *
 * `--name value`, `--name=value`, `--flag`, `--no-flag` (negatable), `-n 5`, `-n5`, `-abc`; `--` ends the flags. A value
 * that begins with `-` must be attached (`--name=-5`). A string flag without a value is `""`. Text that looks like a number
 * becomes a number, unless the flag (or `_`) is in `string`.
 *
 * @param args The arguments, without program and script.
 * @param options The flags.
 * @returns The flags by name, and the positional arguments in `_`.
 *
 * @example
 * ```ts
 * import { parseArgs } from "@std/cli/parse-args";
 * import { assertEquals } from "@std/assert";
 * const args = parseArgs(["--json", "--stop=a", "--stop", "b", "model"], {
 *   boolean: ["json"],
 *   string: ["stop"],
 *   collect: ["stop"],
 * });
 * assertEquals(args, { json: true, stop: ["a", "b"], _: ["model"] });
 * ```
 */
export function parseArgs<
  const B extends string = never,
  const S extends string = never,
  const C extends string = never,
>(args: readonly string[], options: ParseOptions<B, S, C> = {}): Args<B, S, C> {
  const parser = new Parser(options);
  parser.parse(args);
  return parser.result as Args<B, S, C>;
}
