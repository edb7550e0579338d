/**
 * Jinja's filters of numbers and of any value; those of strings and sequences with them.
 *
 * @module
 */
import { TemplateError } from "../errors.ts";
import { fixed, parseFloatText } from "../python/numbers.ts";
import { member } from "../python/subscripts.ts";
import {
  int,
  isTrue,
  numeric,
  PyFloat,
  stringOf,
  typeName,
  Undefined,
  undefinedError,
  type Value,
} from "../python/values.ts";
import { stripText } from "../python/characters.ts";
import { type Arguments, expectText } from "../python/arguments.ts";
import { type Filter, filter } from "./filter.ts";
import { SEQUENCE_FILTERS } from "./sequence_filters.ts";
import { TEXT_FILTERS } from "./text_filters.ts";

const fallback = filter("default_value boolean", (value, args) => {
  const isMissing = value instanceof Undefined || (args.flag(1) && !isTrue(value));
  return isMissing ? args.get(0, "") : value;
});

/** The text of a number, without white space around it. */
function numberText(value: Value, { budget }: Arguments): string | null {
  const text = stringOf(value);
  budget.text(text?.length ?? 0);
  return text === null ? null : stripText(text, null);
}

const toInteger = filter("default base", (value, args) => {
  if (value instanceof Undefined) throw undefinedError(value);
  const base = args.integer(1, 10);
  const number = numeric(value);
  if (number !== null && Number.isFinite(number)) return int(Math.trunc(number));
  const text = numberText(value, args);
  if (text !== null && base !== 10) throw new TemplateError("int() with a base is not supported");
  if (text !== null && /^[+-]?\d+(?:_\d+)*$/.test(text)) return int(Number(text.replaceAll("_", "")));
  const float = text === null ? number : parseFloatText(text);
  // Python raises for infinity, and catches it.
  return float === null || !Number.isFinite(float) ? args.get(0, 0) : int(Math.trunc(float));
});

const toFloat = filter("default", (value, args) => {
  if (value instanceof Undefined) throw undefinedError(value);
  const text = numberText(value, args);
  const number = text === null ? numeric(value) : parseFloatText(text);
  return number === null ? args.get(0, new PyFloat(0)) : new PyFloat(number);
});

const round = filter("precision method", (value, args) => {
  if (value instanceof Undefined) throw undefinedError(value);
  const number = numeric(value);
  const method = args.text(1, "common");
  if (number === null) throw new TemplateError(`type ${typeName(value)} doesn't define __round__ method`);
  if (!["common", "ceil", "floor"].includes(method)) throw new TemplateError("method must be common, ceil or floor");
  const precision = args.integer(0, 0);
  if (!Number.isFinite(number) || precision < 0 || precision > 20) {
    throw new TemplateError("rounding this is not supported");
  }
  if (method === "common") {
    if (!(value instanceof PyFloat)) return int(number);
    return new PyFloat(Math.abs(number) >= 1e21 ? number : Number(fixed(number, precision)));
  }
  const scale = 10 ** precision;
  // Python's rounded number is an int, which has no negative zero.
  return new PyFloat(((method === "ceil" ? Math.ceil(number * scale) : Math.floor(number * scale)) + 0) / scale);
});

const SIZES = ["k", "M", "G", "T", "P", "E", "Z", "Y"];

const fileSize = filter("binary", (value, args) => {
  const text = numberText(value, args);
  const bytes = text === null ? numeric(value) : parseFloatText(text);
  if (bytes === null || !Number.isFinite(bytes)) throw new TemplateError("filesizeformat needs a number");
  const isBinary = args.flag(0);
  const base = isBinary ? 1024 : 1000;
  if (bytes === 1) return "1 Byte";
  if (bytes < base) return `${Math.trunc(bytes)} Bytes`;
  const power = SIZES.findIndex((_, index) => bytes < base ** (index + 2));
  const at = power < 0 ? SIZES.length - 1 : power;
  const prefix = SIZES[at] as string;
  return `${fixed(base * bytes / base ** (at + 2), 1)} ${isBinary ? `${prefix.toUpperCase()}i` : prefix}B`;
});

/** Filters of Jinja that are not supported. */
const UNSUPPORTED = ["random", "urlize", "wordwrap", "xmlattr"];

const unsupported = (name: string): Filter => () => {
  throw new TemplateError(`the filter '${name}' is not supported`);
};

/** Filters by name, without those that apply others. */
export const BASIC_FILTERS: Readonly<Record<string, Filter>> = {
  ...Object.fromEntries(UNSUPPORTED.map((name) => [name, unsupported(name)])),
  ...TEXT_FILTERS,
  ...SEQUENCE_FILTERS,
  abs: filter("", (value) => {
    if (value instanceof Undefined) throw undefinedError(value);
    const number = numeric(value);
    if (number === null) throw new TemplateError(`bad operand type for abs(): '${typeName(value)}'`);
    return value instanceof PyFloat ? new PyFloat(Math.abs(number)) : Math.abs(number);
  }),
  attr: filter("name", (value, args) => {
    const name = expectText(args.required(0), "attr(name)");
    if (value instanceof Map && value.has(name)) throw new TemplateError("attr() of a dict is not supported");
    return value instanceof Undefined ? new Undefined(value.problem) : member(args.budget, value, name, false);
  }),
  d: fallback,
  default: fallback,
  filesizeformat: fileSize,
  float: toFloat,
  int: toInteger,
  round,
};
