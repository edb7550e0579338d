/**
 * Methods of Python's str, dict, list and tuple. Those that change their object do not exist, as in the sandbox.
 *
 * @module
 */
import { TemplateError } from "../errors.ts";
import { Arguments, expectInteger, expectText } from "./arguments.ts";
import { keyIn } from "./dict.ts";
import { isEqual } from "./equality.ts";
import { escapeText } from "./markup.ts";
import { formatText } from "./format.ts";
import { joinTexts } from "./operators.ts";
import * as texts from "./texts.ts";
import { splitLines, stripText, unitsOf } from "./characters.ts";
import {
  isObject,
  lengthOf,
  Markup,
  membersOf,
  PyFunction,
  PyTuple,
  PyView,
  stringOf,
  typeName,
  Undefined,
  type Value,
} from "./values.ts";

/** A method: its parameters, whether they may be named, and what it does. */
interface Method<T> {
  readonly parameters: readonly string[] | null;
  readonly byName: boolean;
  readonly call: (self: T, args: Arguments) => Value;
}

/** A method whose arguments have no names. */
function method<T>(parameters: string, call: (self: T, args: Arguments) => Value, byName = false): Method<T> {
  return { parameters: parameters === "" ? [] : parameters.split(" "), byName, call };
}

const text = (parameters: string, call: (self: string, args: Arguments) => Value, byName = false): Method<string> =>
  method(parameters, call, byName);

/** A method that says whether all characters match; of a text that is not empty. */
const every = (pattern: RegExp): Method<string> =>
  text("", (self, { budget }) => {
    budget.text(self.length);
    return pattern.test(self);
  });

const strip = (left: boolean, right: boolean): Method<string> =>
  text("chars", (self, args) => {
    args.budget.text(self.length);
    return stripText(self, args.optionalText(0), left, right);
  });

const split = (fromRight: boolean): Method<string> =>
  text("sep maxsplit", (self, args) => {
    return texts.splitText(args.budget, self, args.optionalText(0), args.integer(1, -1), fromRight);
  }, true);

const partition = (fromRight: boolean): Method<string> =>
  text("sep", (self, args) => {
    const separator = args.text(0);
    if (separator === "") throw new TemplateError("empty separator");
    args.budget.search(self.length, separator.length);
    const at = fromRight ? self.lastIndexOf(separator) : self.indexOf(separator);
    if (at < 0) return new PyTuple(fromRight ? ["", "", self] : [self, "", ""]);
    return new PyTuple([self.slice(0, at), separator, self.slice(at + separator.length)]);
  });

const pad = (share: "all" | "none" | "half"): Method<string> =>
  text("width fillchar", (self, args) => {
    return texts.padText(args.budget, self, args.integer(0), args.text(1, " "), share);
  });

/** The part from argument `at` to argument `at + 1`, and where it starts; null if it starts after the text's end. */
function range(self: string, args: Arguments, at: number): { part: string; start: number } | null {
  const [from, to] = [args.get(at, null), args.get(at + 1, null)];
  if (from === null && to === null) return { part: self, start: 0 };
  const length = texts.pointCount(args.budget, self);
  args.budget.text(3 * self.length);
  const bound = (value: Value, fallback: number): number => {
    const index = value === null ? fallback : expectInteger(value, "the position");
    return index < 0 ? Math.max(0, index + length) : index;
  };
  const [start, stop] = [bound(from, 0), Math.min(bound(to, length), length)];
  if (start > length || start > stop) return null;
  const unit = (point: number): number => (length === self.length ? point : unitsOf(self, point));
  return { part: self.slice(unit(start), unit(stop)), start };
}

const affix = (test: (self: string, affix: string) => boolean): Method<string> =>
  text("affix start end", (self, args) => {
    const given = args.required(0);
    const affixes = (given instanceof PyTuple ? given.items : [given]).map((one) => expectText(one, "the affix"));
    args.budget.step(affixes.length);
    for (const one of affixes) args.budget.text(Math.min(one.length, self.length));
    const within = range(self, args, 1);
    return within !== null && affixes.some((one) => test(within.part, one));
  });

const find = (fromRight: boolean, mustExist: boolean): Method<string> =>
  text("sub start end", (self, args) => {
    const part = args.text(0);
    const within = range(self, args, 1);
    const at = within === null ? -1 : texts.indexOfText(args.budget, within.part, part, fromRight);
    if (at < 0 && mustExist) throw new TemplateError("substring not found");
    return at < 0 ? -1 : at + (within as { start: number }).start;
  });

const TEXT_METHODS: Readonly<Record<string, Method<string>>> = {
  upper: text("", (self, { budget }) => (budget.text(3 * self.length), self.toUpperCase())),
  lower: text("", (self, { budget }) => (budget.text(3 * self.length), self.toLowerCase())),
  casefold: text("", (self, { budget }) => {
    budget.text(3 * self.length);
    // Folding differs from lower case where neither is supported here.
    if (/[^\p{ASCII}À-ÖØ-Þà-öø-ÿА-яЁё]/u.test(self)) {
      throw new TemplateError("casefold() of this text is not supported");
    }
    return self.toLowerCase();
  }),
  capitalize: text("", (self, { budget }) => texts.capitalize(budget, self)),
  title: text("", (self, { budget }) => texts.title(budget, self)),
  swapcase: text("", (self, { budget }) => texts.swapCase(budget, self)),
  strip: strip(true, true),
  lstrip: strip(true, false),
  rstrip: strip(false, true),
  startswith: affix((self, one) => self.startsWith(one)),
  endswith: affix((self, one) => self.endsWith(one)),
  removeprefix: text("prefix", (self, args) => {
    const prefix = args.text(0);
    return self.startsWith(prefix) ? self.slice(prefix.length) : self;
  }),
  removesuffix: text("suffix", (self, args) => {
    const suffix = args.text(0);
    return suffix !== "" && self.endsWith(suffix) ? self.slice(0, -suffix.length) : self;
  }),
  split: split(false),
  rsplit: split(true),
  splitlines: text("keepends", (self, args) => {
    args.budget.step(self.length >> 3);
    args.budget.text(2 * self.length);
    const lines = splitLines(self, args.flag(0));
    args.budget.step(lines.length);
    return lines;
  }, true),
  partition: partition(false),
  rpartition: partition(true),
  replace: text("old new count", (self, args) => {
    return texts.replaceText(args.budget, self, args.text(0), args.text(1), args.integer(2, -1));
  }),
  join: text("iterable", (self, args) => {
    const parts = membersOf(args.budget, args.required(0)).map((item) => expectText(item, "each item of join()"));
    return joined(args, parts, self);
  }),
  find: find(false, false),
  rfind: find(true, false),
  index: find(false, true),
  rindex: find(true, true),
  count: text("sub start end", (self, args) => {
    const part = args.text(0);
    const within = range(self, args, 1);
    return within === null ? 0 : texts.countText(args.budget, within.part, part);
  }),
  isdigit: every(/^[\p{Nd}²³¹⁰⁴-⁹₀-₉]+$/u),
  isdecimal: every(/^\p{Nd}+$/u),
  isnumeric: every(/^\p{N}+$/u),
  isalpha: every(/^\p{L}+$/u),
  isalnum: every(/^[\p{L}\p{N}]+$/u),
  isascii: every(/^\p{ASCII}*$/u),
  isidentifier: every(/^[\p{ID_Start}_][\p{ID_Continue}]*$/u),
  isspace: text("", (self, { budget }) => (budget.text(self.length), self !== "" && stripText(self, null) === "")),
  isupper: text("", (self, { budget }) => texts.isUpper(budget, self)),
  islower: text("", (self, { budget }) => texts.isLower(budget, self)),
  zfill: text("width", (self, args) => texts.zeroFill(args.budget, self, args.integer(0))),
  ljust: pad("none"),
  rjust: pad("all"),
  center: pad("half"),
  expandtabs: text("tabsize", (self, args) => texts.expandTabs(args.budget, self, args.integer(0, 8)), true),
  format: { parameters: null, byName: true, call: formatText },
};

/** Join parts, with the separator between them. */
export function joined({ budget }: Arguments, parts: readonly string[], separator: string): string {
  budget.text(separator.length * parts.length);
  return separator === "" ? joinTexts(budget, parts) : joinParts(budget, parts, separator);
}

function joinParts(budget: Arguments["budget"], parts: readonly string[], separator: string): string {
  budget.text(parts.reduce((total, part) => total + part.length, 0));
  return parts.join(separator);
}

const DICT_METHODS: Readonly<Record<string, Method<Map<Value, Value>>>> = {
  items: method("", (self) => new PyView("items", self)),
  keys: method("", (self) => new PyView("keys", self)),
  values: method("", (self) => new PyView("values", self)),
  get: method(
    "key default",
    (self, args) => self.get(keyIn(args.budget, self, args.required(0))) ?? lookUp(self, args),
  ),
  copy: method("", (self, { budget }) => (budget.step(self.size), new Map(self))),
};

/** The default of `dict.get`, unless the value is None itself. */
function lookUp(self: Map<Value, Value>, args: Arguments): Value {
  return self.has(keyIn(args.budget, self, args.required(0))) ? null : args.get(1, null);
}

const LIST_METHODS: Readonly<Record<string, Method<readonly Value[]>>> = {
  index: method("value", (self, args) => {
    const at = self.findIndex((item) => isEqual(args.budget, item, args.required(0)));
    if (at < 0) throw new TemplateError("the value is not in the list");
    return at;
  }),
  count: method("value", (self, args) => self.filter((item) => isEqual(args.budget, item, args.required(0))).length),
  copy: method("", (self, { budget }) => (budget.step(self.length), [...self])),
};

const MUTATING: Readonly<Record<string, ReadonlySet<string>>> = {
  dict: new Set(["clear", "pop", "popitem", "setdefault", "update"]),
  list: new Set(["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"]),
};

/** Attributes that exist in Python and are not supported. */
const UNSUPPORTED: Readonly<Record<string, ReadonlySet<string>>> = {
  str: new Set(["encode", "format_map", "isprintable", "istitle", "maketrans", "translate", "unescape", "striptags"]),
  dict: new Set(["fromkeys"]),
  int: new Set("real imag numerator denominator bit_length bit_count conjugate to_bytes from_bytes".split(" ")),
  float: new Set("real imag conjugate is_integer hex fromhex as_integer_ratio".split(" ")),
  range: new Set(["start", "stop", "step", "index", "count"]),
  dict_items: new Set(["mapping", "isdisjoint"]),
  dict_keys: new Set(["mapping", "isdisjoint"]),
  dict_values: new Set(["mapping"]),
  generator: new Set(["close", "send", "throw"]),
};

/**
 * A method of a value.
 *
 * @param self The value.
 * @param name The method's name.
 * @returns The bound method, an undefined value if the sandbox denies it, or undefined if it does not exist.
 * @throws {TemplateError} For an attribute that is not supported.
 */
export function methodOf(self: Value, name: string): Value | undefined {
  const type = self instanceof Markup ? "str" : typeof self === "boolean" ? "int" : typeName(self);
  if (Object.hasOwn(MUTATING, type) && MUTATING[type]?.has(name)) {
    return new Undefined(`access to attribute '${name}' of '${type}' object is unsafe.`);
  }
  if (Object.hasOwn(UNSUPPORTED, type) && UNSUPPORTED[type]?.has(name)) {
    throw new TemplateError(`the attribute '${name}' of ${type} is not supported`);
  }
  if (typeof self === "string") return bind(TEXT_METHODS, self, name);
  if (self instanceof Markup) return bindMarkup(self, name);
  if (self instanceof Map) return bind(DICT_METHODS, self, name);
  if (Array.isArray(self)) return bind(LIST_METHODS, self, name);
  return self instanceof PyTuple && name !== "copy" ? bind(LIST_METHODS, self.items, name) : undefined;
}

function bind<T>(methods: Readonly<Record<string, Method<T>>>, self: T, name: string): PyFunction | undefined {
  const found = Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (found === undefined) return undefined;
  return new PyFunction(name, ({ budget, positional, keywords }) => {
    const args = new Arguments(budget, name, positional, keywords);
    return found.call(self, found.parameters === null ? args : args.bind(found.parameters, found.byName));
  });
}

/** Methods of markup that escape their string arguments. */
const ESCAPING = new Set(["replace", "ljust", "rjust", "center", "join"]);

/** A method of markup: strings in its result are markup, too. */
function bindMarkup(self: Markup, name: string): PyFunction | undefined {
  const bound = bind(TEXT_METHODS, self.text, name);
  if (bound === undefined) return undefined;
  if (name === "format") throw new TemplateError("formatting markup is not supported");
  return new PyFunction(name, (args) => {
    const escaped = (value: Value): Value =>
      typeof value === "string" ? escapeText(args.budget, value) : value instanceof Markup ? value.text : value;
    let { positional } = args;
    if (name === "join") positional = positional.map((list) => membersOf(args.budget, list).map(escaped));
    else if (name === "replace") positional = positional.map((value, index) => (index === 1 ? escaped(value) : value));
    else if (ESCAPING.has(name)) positional = positional.map(escaped);
    return marked(bound.call(args.withPositional(positional)));
  });
}

function marked(value: Value): Value {
  if (typeof value === "string") return new Markup(value);
  if (Array.isArray(value)) return value.map(marked);
  return value instanceof PyTuple ? new PyTuple(value.items.map(marked)) : value;
}

/**
 * Python's `len()`.
 *
 * @param args For the budget.
 * @param value Any value.
 * @returns The length.
 * @throws {TemplateError} For a value without a length.
 */
export function length({ budget }: Arguments, value: Value): number {
  budget.text(stringOf(value)?.length ?? 0);
  const found = lengthOf(value);
  if (found !== null) return found;
  throw new TemplateError(`object of type '${typeName(value)}' has no len()`);
}

/** Whether `iter(value)` works. */
export function isIterable(value: Value): boolean {
  return typeName(value) === "generator" || value instanceof PyView || (lengthOf(value) !== null) ||
    (value !== null && isObject(value) && value.type === "LoopContext");
}
