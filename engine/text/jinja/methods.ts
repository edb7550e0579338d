/**
 * Methods of Python's str, dict and list. Mutating methods raise, as in the reference's sandbox.
 *
 * @module
 */
import { Arguments, expectText } from "./arguments.ts";
import { toText } from "./stringify.ts";
import { isEqual, iterate, PyFunction, PyTuple, TemplateError, type Value } from "./values.ts";

/** Python's white space; JavaScript's `\s` adds U+FEFF and lacks U+001C to U+001F and U+0085. */
const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const LINE_END = new RegExp(["\\r\\n", "[\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029]"].join("|"));

/**
 * Python's `str.strip`.
 *
 * @param text The text.
 * @param chars Characters to strip; null for white space.
 * @param left Whether to strip the start.
 * @param right Whether to strip the end.
 * @returns The stripped text.
 */
export function stripText(text: string, chars: string | null, left = true, right = true): string {
  const all = Array.from(text);
  const set = chars === null ? null : new Set(chars);
  const space = new RegExp(`^${SPACE}$`);
  const strips = (char: string | undefined): boolean =>
    char !== undefined && (set === null ? space.test(char) : set.has(char));
  let start = 0;
  let end = all.length;
  while (left && start < end && strips(all[start])) start++;
  while (right && end > start && strips(all[end - 1])) end--;
  return all.slice(start, end).join("");
}

/**
 * Python's `str.replace`.
 *
 * @param text The text.
 * @param old The text to replace; the empty string matches between all characters.
 * @param replacement The replacement.
 * @param count Maximum number of replacements; negative for no limit.
 * @returns The new text.
 */
export function replaceText(text: string, old: string, replacement: string, count: number): string {
  const parts = old === "" ? ["", ...Array.from(text), ""] : text.split(old);
  if (count < 0 || parts.length - 1 <= count) return parts.join(replacement);
  return parts.slice(0, count + 1).join(replacement) + (count + 1 < parts.length ? old : "") +
    parts.slice(count + 1).join(old);
}

/**
 * Python's `str.capitalize`.
 *
 * @param text The text.
 * @returns The first character in upper case, the rest in lower case.
 */
export function capitalize(text: string): string {
  const [first = "", ...rest] = Array.from(text);
  return first.toUpperCase() + rest.join("").toLowerCase();
}

function splitText(text: string, separator: string | null, limit: number, fromRight: boolean): string[] {
  if (separator === "") throw new TemplateError("empty separator");
  if (separator === null) {
    const words = stripText(text, null).split(new RegExp(`${SPACE}+`)).filter((word) => word !== "");
    if (limit < 0 || words.length <= limit + 1) return words;
    const parts = fromRight ? words.slice(words.length - limit) : words.slice(0, limit);
    let rest = stripText(text, null, !fromRight, fromRight);
    for (const { length } of fromRight ? parts.toReversed() : parts) {
      const cut = fromRight ? rest.slice(0, rest.length - length) : rest.slice(length);
      rest = stripText(cut, null, !fromRight, fromRight);
    }
    return fromRight ? [rest, ...parts] : [...parts, rest];
  }
  const parts = text.split(separator);
  if (limit < 0 || parts.length <= limit + 1) return parts;
  return fromRight
    ? [parts.slice(0, parts.length - limit).join(separator), ...parts.slice(parts.length - limit)]
    : [...parts.slice(0, limit), parts.slice(limit).join(separator)];
}

/** Whether the text starts or ends with one of the affixes. */
function hasAffix(text: string, affix: Value, test: (text: string, affix: string) => boolean): boolean {
  const affixes = affix instanceof PyTuple ? affix.items : [affix];
  return affixes.some((one) => test(text, expectText(one, "the first argument")));
}

/** Python's `str.format`, without format specifiers. */
function formatText(text: string, args: Arguments): string {
  let next = 0;
  return text.replace(/\{\{|\}\}|\{(\w*)\}/g, (match, field?: string) => {
    if (match === "{{" || match === "}}") return match[0] as string;
    if (field === undefined || field === "") return toText(args.required(next++, `argument ${next}`));
    return toText(/^\d+$/.test(field) ? args.required(Number(field), field) : args.required(-1, field));
  });
}

const codePointIndex = (
  text: string,
  index: number,
): number => (index < 0 ? -1 : Array.from(text.slice(0, index)).length);
const every = (text: string, pattern: RegExp): boolean => text !== "" && pattern.test(text);

type Method<T> = (self: T, args: Arguments) => Value;

const TEXT_METHODS: Readonly<Record<string, Method<string>>> = {
  upper: (text) => text.toUpperCase(),
  lower: (text) => text.toLowerCase(),
  casefold: (text) => text.toLowerCase(),
  capitalize,
  title: (text) => text.toLowerCase().replace(/\p{Cased}+/gu, (word) => capitalize(word)),
  swapcase: (text) =>
    Array.from(text, (char) => (char === char.toUpperCase() ? char.toLowerCase() : char.toUpperCase())).join(""),
  strip: (text, args) => stripText(text, args.optionalText(0, "chars")),
  lstrip: (text, args) => stripText(text, args.optionalText(0, "chars"), true, false),
  rstrip: (text, args) => stripText(text, args.optionalText(0, "chars"), false, true),
  startswith: (text, args) => hasAffix(text, args.required(0, "prefix"), (a, b) => a.startsWith(b)),
  endswith: (text, args) => hasAffix(text, args.required(0, "suffix"), (a, b) => a.endsWith(b)),
  removeprefix: (text, args) => {
    const prefix = args.text(0, "prefix");
    return text.startsWith(prefix) ? text.slice(prefix.length) : text;
  },
  removesuffix: (text, args) => {
    const suffix = args.text(0, "suffix");
    return suffix !== "" && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
  },
  split: (text, args) => splitText(text, args.optionalText(0, "sep"), args.number(1, "maxsplit", -1), false),
  rsplit: (text, args) => splitText(text, args.optionalText(0, "sep"), args.number(1, "maxsplit", -1), true),
  splitlines: (text) => {
    const lines = text.split(LINE_END);
    if (lines.at(-1) === "") lines.pop();
    return lines;
  },
  partition: (text, args) => {
    const separator = args.text(0, "sep");
    const at = text.indexOf(separator);
    return new PyTuple(at < 0 ? [text, "", ""] : [text.slice(0, at), separator, text.slice(at + separator.length)]);
  },
  rpartition: (text, args) => {
    const separator = args.text(0, "sep");
    const at = text.lastIndexOf(separator);
    return new PyTuple(at < 0 ? ["", "", text] : [text.slice(0, at), separator, text.slice(at + separator.length)]);
  },
  replace: (text, args) => replaceText(text, args.text(0, "old"), args.text(1, "new"), args.number(2, "count", -1)),
  join: (text, args) => iterate(args.required(0, "iterable")).map((item) => expectText(item, "join() item")).join(text),
  find: (text, args) => codePointIndex(text, text.indexOf(args.text(0, "sub"))),
  rfind: (text, args) => codePointIndex(text, text.lastIndexOf(args.text(0, "sub"))),
  index: (text, args) => {
    const at = text.indexOf(args.text(0, "sub"));
    if (at < 0) throw new TemplateError("substring not found");
    return codePointIndex(text, at);
  },
  count: (text, args) => {
    const part = args.text(0, "sub");
    return part === "" ? Array.from(text).length + 1 : text.split(part).length - 1;
  },
  isdigit: (text) => every(text, /^\p{Nd}+$/u),
  isdecimal: (text) => every(text, /^\p{Nd}+$/u),
  isnumeric: (text) => every(text, /^\p{N}+$/u),
  isalpha: (text) => every(text, /^\p{L}+$/u),
  isalnum: (text) => every(text, /^[\p{L}\p{N}]+$/u),
  isspace: (text) => every(text, new RegExp(`^${SPACE}+$`)),
  isupper: (text) => /\p{Lu}/u.test(text) && text === text.toUpperCase(),
  islower: (text) => /\p{Ll}/u.test(text) && text === text.toLowerCase(),
  zfill: (text, args) => {
    const sign = /^[+-]/.exec(text)?.[0] ?? "";
    return sign + text.slice(sign.length).padStart(args.number(0, "width", 0) - sign.length, "0");
  },
  ljust: (text, args) => text.padEnd(args.number(0, "width", 0), args.text(1, "fillchar", " ")),
  rjust: (text, args) => text.padStart(args.number(0, "width", 0), args.text(1, "fillchar", " ")),
  format: formatText,
};

const DICT_METHODS: Readonly<Record<string, Method<Map<Value, Value>>>> = {
  items: (map) => [...map].map((entry) => new PyTuple(entry)),
  keys: (map) => [...map.keys()],
  values: (map) => [...map.values()],
  get: (map, args) => {
    const value = map.get(args.required(0, "key"));
    return value === undefined ? args.get(1, "default", null) : value;
  },
  copy: (map) => new Map(map),
};

const LIST_METHODS: Readonly<Record<string, Method<readonly Value[]>>> = {
  index: (list, args) => {
    const at = list.findIndex((item) => isEqual(item, args.required(0, "value")));
    if (at < 0) throw new TemplateError("the value is not in the list");
    return at;
  },
  count: (list, args) => list.filter((item) => isEqual(item, args.required(0, "value"))).length,
  copy: (list) => [...list],
};

const MUTATING = new Set([
  "append",
  "extend",
  "insert",
  "pop",
  "remove",
  "reverse",
  "sort",
  "clear",
  "update",
  "setdefault",
  "popitem",
]);

/**
 * A method of a value.
 *
 * @param self The value.
 * @param name The method's name.
 * @returns The bound method, or undefined if it does not exist.
 */
export function methodOf(self: Value, name: string): PyFunction | undefined {
  if (typeof self === "string") return bind(TEXT_METHODS, self, name);
  const isList = Array.isArray(self);
  if ((isList || self instanceof Map) && MUTATING.has(name)) {
    return new PyFunction(() => {
      throw new TemplateError(`access to attribute '${name}' of '${isList ? "list" : "dict"}' object is unsafe.`);
    });
  }
  if (self instanceof Map) return bind(DICT_METHODS, self, name);
  if (isList) return bind(LIST_METHODS, self, name);
  return self instanceof PyTuple ? bind(LIST_METHODS, self.items, name) : undefined;
}

function bind<T>(methods: Readonly<Record<string, Method<T>>>, self: T, name: string): PyFunction | undefined {
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (method === undefined) return undefined;
  return new PyFunction((args, keywords) => method(self, new Arguments(name, args, keywords)));
}
