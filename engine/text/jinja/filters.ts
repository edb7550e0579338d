/**
 * Jinja's filters: `x | trim`.
 *
 * @module
 */
import { Arguments, expectText } from "./arguments.ts";
import { capitalize, replaceText, stripText } from "./methods.ts";
import { testNamed } from "./tests.ts";
import { toJson, toText } from "./stringify.ts";
import {
  compare,
  isEqual,
  isTrue,
  iterate,
  numeric,
  PyFloat,
  PyTuple,
  TemplateError,
  typeName,
  Undefined,
  type Value,
} from "./values.ts";

/** What filters need of the interpreter. */
export interface FilterContext {
  /** `value[name]`. */
  attribute(value: Value, name: Value): Value;
}

/** A filter. */
export type Filter = (value: Value, args: Arguments, context: FilterContext) => Value;

/** The sort key of an item: itself, or its attribute `a.b.0`. */
function keyOf(attribute: Value, context: FilterContext): (item: Value) => Value {
  if (attribute === null) return (item) => item;
  const path = typeof attribute === "number"
    ? [attribute]
    : toText(attribute).split(".").map((part) => /^\d+$/.test(part) ? Number(part) : part);
  return (item) => path.reduce<Value>((value, part) => context.attribute(value, part), item);
}

const foldCase = (value: Value, caseSensitive: boolean): Value =>
  typeof value === "string" && !caseSensitive ? value.toLowerCase() : value;

function sorted(items: readonly Value[], key: (item: Value) => Value, args: Arguments, at: number): Value[] {
  const caseSensitive = isTrue(args.get(at + 1, "case_sensitive", false));
  const reverse = isTrue(args.get(at, "reverse", false));
  const keyed = items.map((item) => ({ item, key: foldCase(key(item), caseSensitive) }));
  keyed.sort((a, b) => reverse ? compare(b.key, a.key) : compare(a.key, b.key));
  return keyed.map(({ item }) => item);
}

/** `select`, `reject`, `selectattr`, `rejectattr`. */
function selecting(keep: boolean, byAttribute: boolean): Filter {
  return (value, args, context) => {
    const offset = byAttribute ? 1 : 0;
    const key = byAttribute ? keyOf(args.required(0, "attribute"), context) : (item: Value) => item;
    const name = args.count > offset ? expectText(args.required(offset, "test"), "the test's name") : null;
    const test = name === null ? isTrue : testNamed(name);
    return iterate(value).filter((item) => test(key(item), ...args.rest(offset + 1)) === keep);
  };
}

function extreme(sign: number): Filter {
  return (value, args, context) => {
    const caseSensitive = isTrue(args.get(0, "case_sensitive", false));
    const key = keyOf(args.get(1, "attribute", null), context);
    const items = iterate(value);
    if (items.length === 0) return new Undefined("No aggregated item, sequence was empty.");
    return items.reduce((best, item) =>
      sign * compare(foldCase(key(item), caseSensitive), foldCase(key(best), caseSensitive)) > 0 ? item : best
    );
  };
}

const length: Filter = (value) => {
  if (value instanceof Map) return value.size;
  if (numeric(value) !== null || value === null) {
    throw new TemplateError(`object of type '${typeName(value)}' has no len()`);
  }
  return iterate(value).length;
};

const fallback: Filter = (value, args) => {
  const missing = value instanceof Undefined || (isTrue(args.get(1, "boolean", false)) && !isTrue(value));
  return missing ? args.get(0, "default_value", "") : value;
};

const escape: Filter = (value) =>
  toText(value).replaceAll("&", "&amp;").replaceAll(">", "&gt;").replaceAll("<", "&lt;").replaceAll("'", "&#39;")
    .replaceAll('"', "&#34;");

function toInteger(value: Value, args: Arguments): Value {
  const number = numeric(value);
  if (number !== null) return Math.trunc(number);
  const text = typeof value === "string" ? stripText(value, null).replaceAll("_", "") : "";
  if (/^[+-]?\d+$/.test(text)) return Number(text);
  const float = parseFloatText(text);
  return float === null || !Number.isFinite(float) ? args.get(0, "default", 0) : Math.trunc(float);
}

function parseFloatText(text: string): number | null {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : null;
}

const indent: Filter = (value, args) => {
  const width = args.get(0, "width", 4);
  const prefix = typeof width === "string" ? width : " ".repeat(numeric(width) ?? 4);
  const [first, blank] = [isTrue(args.get(1, "first", false)), isTrue(args.get(2, "blank", false))];
  const lines = toText(value).split(/\r\n|[\n\r]/);
  return lines.map((line, i) => (i === 0 ? first : blank || line !== "") ? prefix + line : line).join("\n");
};

function round(value: Value, args: Arguments): Value {
  const number = numeric(value);
  if (number === null) throw new TemplateError(`type ${typeName(value)} has no round`);
  const scale = 10 ** args.number(0, "precision", 0);
  const method = args.text(1, "method", "common");
  const scaled = number * scale;
  const half = Math.abs(scaled % 1) === 0.5;
  const nearest = half ? 2 * Math.round(scaled / 2) : Math.round(scaled);
  return new PyFloat(
    (method === "ceil" ? Math.ceil(scaled) : method === "floor" ? Math.floor(scaled) : nearest) / scale,
  );
}

const json: Filter = (value, args) => {
  const width = args.get(1, "indent", null);
  const separators = args.get(2, "separators", null);
  const [item, key] = separators === null ? [width === null ? ", " : ",", ": "] : iterate(separators).map(toText);
  return toJson(value, {
    ensureAscii: isTrue(args.get(0, "ensure_ascii", false)),
    indent: width === null ? null : typeof width === "string" ? width : " ".repeat(Math.max(0, numeric(width) ?? 0)),
    itemSeparator: item ?? ", ",
    keySeparator: key ?? ": ",
    sortKeys: isTrue(args.get(3, "sort_keys", false)),
  });
};

/** Filters by name. */
export const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>(Object.entries({
  abs: (value) => {
    const number = numeric(value);
    if (number === null) throw new TemplateError(`bad operand type for abs(): '${typeName(value)}'`);
    return value instanceof PyFloat ? new PyFloat(Math.abs(number)) : Math.abs(number);
  },
  attr: (value, args, context) => context.attribute(value, args.required(0, "name")),
  capitalize: (value) => capitalize(toText(value)),
  count: length,
  length,
  default: fallback,
  d: fallback,
  dictsort: (value, args) => {
    if (!(value instanceof Map)) throw new TemplateError(`'${typeName(value)}' object has no attribute 'items'`);
    const by = args.text(1, "by", "key") === "key" ? 0 : 1;
    const caseSensitive = isTrue(args.get(0, "case_sensitive", false));
    const sign = isTrue(args.get(2, "reverse", false)) ? -1 : 1;
    const key = (entry: readonly Value[]): Value => foldCase(entry[by] ?? null, caseSensitive);
    return [...value].sort((a, b) => sign * compare(key(a), key(b))).map((entry) => new PyTuple(entry));
  },
  e: escape,
  escape,
  first: (value) => iterate(value)[0] ?? firstMissing(value, 0, "No first item, sequence was empty."),
  last: (value) => iterate(value).at(-1) ?? firstMissing(value, -1, "No last item, sequence was empty."),
  float: (value, args) => {
    const number = numeric(value) ?? (typeof value === "string" ? parseFloatText(stripText(value, null)) : null);
    return number === null ? args.get(0, "default", new PyFloat(0)) : new PyFloat(number);
  },
  indent,
  int: toInteger,
  items: (value) => {
    if (value instanceof Undefined) return [];
    if (!(value instanceof Map)) throw new TemplateError("Can only get item pairs from a mapping.");
    return [...value].map((entry) => new PyTuple(entry));
  },
  join: (value, args, context) => {
    const key = keyOf(args.get(1, "attribute", null), context);
    return iterate(value).map((item) => toText(key(item))).join(toText(args.get(0, "d", "")));
  },
  list: (value) => [...iterate(value)],
  lower: (value) => toText(value).toLowerCase(),
  map: (value, args, context) => {
    if (args.count === 0) {
      const key = keyOf(args.required(0, "attribute"), context);
      const missing = args.get(-1, "default", new Undefined("the attribute is missing"));
      return iterate(value).map((item) => {
        const found = key(item);
        return found instanceof Undefined ? missing : found;
      });
    }
    const filter = filterNamed(args.text(0, "filter"));
    return iterate(value).map((item) => filter(item, new Arguments("map", args.rest(1), new Map()), context));
  },
  max: extreme(1),
  min: extreme(-1),
  reject: selecting(false, false),
  rejectattr: selecting(false, true),
  replace: (value, args) =>
    replaceText(
      toText(value),
      toText(args.required(0, "old")),
      toText(args.required(1, "new")),
      numeric(args.get(2, "count", -1)) ?? -1,
    ),
  reverse: (value) => typeof value === "string" ? Array.from(value).reverse().join("") : [...iterate(value)].reverse(),
  round,
  safe: (value) => value,
  select: selecting(true, false),
  selectattr: selecting(true, true),
  sort: (value, args, context) => sorted(iterate(value), keyOf(args.get(2, "attribute", null), context), args, 0),
  string: toText,
  sum: (value, args, context) => {
    const key = keyOf(args.get(0, "attribute", null), context);
    const start = args.get(1, "start", 0);
    const numbers = [start, ...iterate(value).map(key)];
    const total = numbers.reduce<number>((sum, item) => {
      const number = numeric(item);
      if (number === null) throw new TemplateError(`unsupported operand type for +: '${typeName(item)}'`);
      return sum + number;
    }, 0);
    return numbers.some((item) => item instanceof PyFloat) ? new PyFloat(total) : total;
  },
  title: (value) => toText(value).split(/([-\s({[<]+)/).map((word) => capitalize(word)).join(""),
  tojson: json,
  trim: (value, args) => stripText(toText(value), args.optionalText(0, "chars")),
  unique: (value, args, context) => {
    const caseSensitive = isTrue(args.get(0, "case_sensitive", false));
    const key = keyOf(args.get(1, "attribute", null), context);
    const seen: Value[] = [];
    return iterate(value).filter((item) => {
      const own = foldCase(key(item), caseSensitive);
      if (seen.some((other) => isEqual(other, own))) return false;
      seen.push(own);
      return true;
    });
  },
  upper: (value) => toText(value).toUpperCase(),
  urlencode: (value) =>
    encodeURIComponent(toText(value)).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll("%2F", "/"),
  wordcount: (value) => toText(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0,
}));

/** The first or last item, if it is None; undefined for an empty sequence. */
function firstMissing(value: Value, index: number, problem: string): Value {
  return iterate(value).length > 0 ? iterate(value).at(index) ?? null : new Undefined(problem);
}

/**
 * A filter by name.
 *
 * @param name Its name.
 * @returns The filter.
 * @throws {TemplateError} When it does not exist.
 */
export function filterNamed(name: string): Filter {
  const filter = FILTERS.get(name);
  if (filter === undefined) throw new TemplateError(`No filter named '${name}'.`);
  return filter;
}
