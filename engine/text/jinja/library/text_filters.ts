/**
 * Jinja's filters of strings: `x | trim`.
 *
 * @module
 */
import { TemplateError } from "../errors.ts";
import { escapeText, stripTags } from "../python/markup.ts";
import { toJson } from "../python/json.ts";
import { joined } from "../python/methods.ts";
import { percent } from "../python/printf.ts";
import { repr, toText } from "../python/stringify.ts";
import { capitalize, padText, pointCount, replaceText, splitText } from "../python/texts.ts";
import { Markup, membersOf, numeric, PyTuple, stringOf, typeName, Undefined, type Value } from "../python/values.ts";
import { splitLines, stripText, unitsOf } from "../python/characters.ts";
import { type Arguments, expectInteger, expectText } from "../python/arguments.ts";
import { attributeOf, type Filter, filter, soft } from "./filter.ts";

const escape = filter("", (value, args) => {
  return value instanceof Markup ? value : new Markup(escapeText(args.budget, toText(args.budget, value)));
});

/** Spaces, charged. */
function spaces({ budget }: Arguments, count: number): string {
  budget.text(Math.max(0, count));
  return " ".repeat(Math.max(0, count));
}

const indent = filter("width first blank", (value, args) => {
  const width = args.get(0, 4);
  const prefix = stringOf(width) ?? spaces(args, expectInteger(width, "indent(width)"));
  const [first, blank] = [args.flag(1), args.flag(2)];
  const text = expectText(value, "the value of indent()");
  args.budget.text(2 * text.length);
  args.budget.step(text.length >> 3);
  const lines = splitLines(`${text}\n`);
  args.budget.step(lines.length);
  args.budget.text(lines.length * prefix.length);
  const indented = lines.map((line, i) => ((i === 0 ? first : blank || line !== "") ? prefix + line : line)).join("\n");
  return value instanceof Markup ? new Markup(indented) : indented;
});

const json = filter("ensure_ascii indent separators sort_keys", (value, args) => {
  const width = args.get(1, null);
  const separators = args.get(2, null);
  const given = separators === null ? null : membersOf(args.budget, separators);
  if (given !== null && given.length !== 2) throw new TemplateError("tojson(separators) must be two strings");
  const [item, key] = given?.map((text) => expectText(text, "tojson(separators)")) ??
    [width === null ? ", " : ",", ": "];
  return toJson(args.budget, value, {
    ensureAscii: args.flag(0),
    indent: width === null ? null : stringOf(width) ?? spaces(args, expectInteger(width, "tojson(indent)")),
    itemSeparator: item as string,
    keySeparator: key as string,
    sortKeys: args.flag(3),
  });
});

const truncate = filter("length killwords end leeway", (value, args) => {
  const { budget } = args;
  const [length, end, leeway] = [args.integer(0, 255), args.text(2, "..."), args.get(3, null)];
  const text = expectText(value, "the value of truncate()");
  const [total, reserved] = [pointCount(budget, text), pointCount(budget, end)];
  const slack = leeway === null ? 5 : expectInteger(leeway, "truncate(leeway)");
  if (length < reserved || slack < 0) throw new TemplateError("truncate() needs a length of at least its end's");
  if (total <= length + slack) return value;
  if (value instanceof Markup) throw new TemplateError("truncating markup is not supported");
  budget.text(text.length);
  const cut = total === text.length
    ? text.slice(0, length - reserved)
    : text.slice(0, unitsOf(text, length - reserved));
  return (args.flag(1) ? cut : splitText(budget, cut, " ", 1, true)[0]) + end;
});

const title = filter("", (value, args) =>
  soft(value, args, (text) => {
    args.budget.text(4 * text.length);
    return args.budget.replaceEach(text, /[^-\s({[<]+/g, ([word]) => {
      const first = String.fromCodePoint(word.codePointAt(0) as number);
      return first.toUpperCase() + word.slice(first.length).toLowerCase();
    });
  }));

function urlQuote({ budget }: Arguments, value: Value): string {
  const text = toText(budget, value);
  budget.text(9 * text.length);
  if (/[\ud800-\udfff]/.test(text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ""))) {
    throw new TemplateError("the text has a surrogate without a partner");
  }
  const hex = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return budget.replaceEach(encodeURIComponent(text), /[!'()*]|%2F/g, ([part]) => part === "%2F" ? "/" : hex(part));
}

/** Filters of strings by name. */
export const TEXT_FILTERS: Readonly<Record<string, Filter>> = {
  capitalize: filter("", (value, args) => soft(value, args, (text) => capitalize(args.budget, text))),
  center: filter("width", (value, args) => {
    return soft(value, args, (text) => padText(args.budget, text, args.integer(0, 80), " ", "half"));
  }),
  e: escape,
  escape,
  forceescape: filter("", (value, args) => new Markup(escapeText(args.budget, toText(args.budget, value)))),
  format: (value, args) => {
    if (args.positional.length > 0 && args.keywords.size > 0) {
      throw new TemplateError("can't handle positional and keyword arguments at the same time");
    }
    if (value instanceof Markup) throw new TemplateError("formatting markup is not supported");
    const values = args.keywords.size > 0 ? new Map<Value, Value>(args.keywords) : new PyTuple(args.positional);
    return percent(args.budget, toText(args.budget, value), values);
  },
  indent,
  join: filter("d attribute", (value, args) => {
    const key = attributeOf(args, args.get(1, null));
    const separator = toText(args.budget, args.get(0, ""));
    return joined(args, membersOf(args.budget, value).map((item) => toText(args.budget, key(item))), separator);
  }),
  lower: filter(
    "",
    (value, args) => soft(value, args, (text) => (args.budget.text(3 * text.length), text.toLowerCase())),
  ),
  pprint: filter("", (value, args) => {
    const text = repr(args.budget, value);
    // Longer ones are wrapped, and dicts sorted.
    if (
      text.length > 76 || value instanceof Map || Array.isArray(value) || value instanceof PyTuple || /\s/.test(text)
    ) {
      throw new TemplateError("pprint of this value is not supported");
    }
    return text;
  }),
  replace: filter("old new count", (value, args) => {
    const { budget } = args;
    const count = args.get(2, null);
    const [old, replacement] = [args.required(0), args.required(1)].map((text) => toText(budget, text));
    const times = count === null ? -1 : expectInteger(count, "replace(count)");
    return replaceText(budget, toText(budget, value), old as string, replacement as string, times);
  }),
  safe: filter("", (value, args) => (value instanceof Markup ? value : new Markup(toText(args.budget, value)))),
  string: filter("", (value, args) => (value instanceof Markup ? value : toText(args.budget, value))),
  striptags: filter("", (value, args) => stripTags(args.budget, toText(args.budget, value))),
  title,
  tojson: json,
  trim: filter("chars", (value, args) => {
    const chars = args.optionalText(0);
    return soft(value, args, (text) => {
      args.budget.text(text.length);
      return stripText(text, chars);
    });
  }),
  truncate,
  upper: filter(
    "",
    (value, args) => soft(value, args, (text) => (args.budget.text(3 * text.length), text.toUpperCase())),
  ),
  urlencode: filter("", (value, args) => {
    if (stringOf(value) === null && numeric(value) === null && value !== null && !(value instanceof Undefined)) {
      throw new TemplateError(`urlencode of a ${typeName(value)} is not supported`);
    }
    if (value instanceof Undefined) throw new TemplateError("urlencode of an undefined value is not supported");
    return urlQuote(args, value);
  }),
  wordcount: filter("", (value, args) => {
    const text = toText(args.budget, value);
    args.budget.text(4 * text.length);
    args.budget.step(text.length >> 1);
    return text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0;
  }),
};
