/**
 * Python's `text % values`.
 *
 * @module
 */
import type { Budget } from "../budget.ts";
import { TemplateError } from "../errors.ts";
import { expectInteger } from "./arguments.ts";
import { keyIn } from "./dict.ts";
import { fixed } from "./numbers.ts";
import { repr, toText } from "./stringify.ts";
import { int, numeric, PyRange, PyTuple, typeName, Undefined, undefinedError, type Value } from "./values.ts";

const SPECIFIER = /%(?:\(([^()]*)\))?([-+ #0]*)(\*|\d*)(?:\.(\*|\d*))?[hlL]?([^]?)/g;

/** Most characters of a field, other than its value. */
const MAX_WIDTH = 10_000;

/** A conversion specifier. */
interface Specifier {
  readonly flags: string;
  readonly width: number;
  /** Null if it is not given. */
  readonly precision: number | null;
  readonly conversion: string;
}

/**
 * Python's `text % values`.
 *
 * @param budget What is charged.
 * @param format Text with conversion specifiers.
 * @param values A tuple of values, a dict, or one value.
 * @returns The text.
 * @throws {TemplateError} When the values do not fit, or for a conversion that is not supported.
 */
export function percent(budget: Budget, format: string, values: Value): string {
  const positional = values instanceof PyTuple ? values.items : [values];
  const isMapping = Array.isArray(values) || values instanceof Map || values instanceof Undefined ||
    values instanceof PyRange;
  let next = 0;
  let usesNames = false;
  budget.text(format.length);
  const text = budget.replaceEach(format, SPECIFIER, (found) => {
    const [match, name, flags = "", width = "", precision, conversion = ""] = found;
    if (match === "%%") return "%";
    if (conversion === "") throw new TemplateError("incomplete format");
    if (width === "*" || precision === "*" || Number(width) > MAX_WIDTH) {
      throw new TemplateError("this width of a format is not supported");
    }
    let value = positional[next];
    if (name !== undefined) {
      usesNames = true;
      if (!(values instanceof Map)) throw new TemplateError("format requires a mapping");
      value = values.get(keyIn(budget, values, name));
      if (value === undefined) throw new TemplateError(`the format's key '${name}' is missing`);
    } else next++;
    if (value === undefined) throw new TemplateError("not enough arguments for format string");
    const digits = precision === undefined ? null : Number(precision);
    return convert(budget, { flags, width: Number(width), precision: digits, conversion }, value);
  });
  if (!usesNames && !isMapping && next < positional.length) {
    throw new TemplateError("not all arguments converted during string formatting");
  }
  return text;
}

function convert(budget: Budget, specifier: Specifier, value: Value): string {
  const { flags, conversion, precision } = specifier;
  switch (conversion) {
    case "s":
    case "r": {
      const text = conversion === "s" ? toText(budget, value) : repr(budget, value);
      return pad(
        precision === null ? text : Array.from(text.slice(0, 2 * precision)).slice(0, precision).join(""),
        specifier,
        false,
      );
    }
    case "c":
      if (typeof value !== "string" || Array.from(value).length !== 1) {
        throw new TemplateError("%c requires a character");
      }
      return pad(value, specifier, false);
    case "d":
    case "i":
    case "u": {
      const number = int(Math.trunc(expectNumber(value, conversion)));
      return padNumber(number < 0, String(Math.abs(number)).padStart(bounded(precision), "0"), specifier);
    }
    case "x":
    case "X":
    case "o": {
      const number = int(expectInteger(value, `%${conversion}`));
      const digits = Math.abs(number).toString(conversion === "o" ? 8 : 16).padStart(bounded(precision), "0");
      const prefix = flags.includes("#") ? `0${conversion}` : "";
      return padNumber(number < 0, conversion === "X" ? digits.toUpperCase() : digits, specifier, prefix);
    }
    case "f":
    case "F": {
      const number = expectNumber(value, conversion);
      if (!Number.isFinite(number) || flags.includes("#")) {
        throw new TemplateError("this number's format is not supported");
      }
      const isNegative = number < 0 || Object.is(number, -0);
      return padNumber(isNegative, fixed(Math.abs(number), precision ?? 6), specifier);
    }
    default:
      throw new TemplateError(`the format %${conversion} is not supported`);
  }
}

function bounded(precision: number | null): number {
  if (precision !== null && precision > MAX_WIDTH) throw new TemplateError("this precision is not supported");
  return precision ?? 0;
}

function expectNumber(value: Value, conversion: string): number {
  const number = numeric(value);
  if (number !== null) return number;
  if (value instanceof Undefined) throw undefinedError(value);
  throw new TemplateError(`%${conversion} format: a real number is required, not ${typeName(value)}`);
}

function pad(text: string, { flags, width }: Specifier, isNumber: boolean): string {
  if (flags.includes("-")) return padEnd(text, width);
  return isNumber && flags.includes("0") ? text : padStart(text, width);
}

const padStart = (text: string, width: number): string => " ".repeat(missing(text, width)) + text;
const padEnd = (text: string, width: number): string => text + " ".repeat(missing(text, width));
const missing = (text: string, width: number): number =>
  Math.max(0, width - Array.from(text.slice(0, 2 * width)).length);

function padNumber(isNegative: boolean, digits: string, specifier: Specifier, prefix = ""): string {
  const { flags, width } = specifier;
  const sign = isNegative ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  const fill = flags.includes("0") && !flags.includes("-") ? width - sign.length - prefix.length : 0;
  return pad(sign + prefix + digits.padStart(fill, "0"), specifier, true);
}
