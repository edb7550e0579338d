/**
 * Python's `str.format`.
 *
 * @module
 */
import { TemplateError } from "../errors.ts";
import type { Arguments } from "./arguments.ts";
import { fixed } from "./numbers.ts";
import { floatText, repr, toText } from "./stringify.ts";
import { int, PyFloat, stringOf, typeName, type Value } from "./values.ts";

const FIELD = /\{\{|\}\}|\{([^{}!:]*)(?:!([^{}:]*))?(?::([^{}]*))?\}|[{}]/g;
const SPECIFICATION = /^(?:([^])?([<>=^]))?([-+ ])?(#)?(0)?(\d*)([,_])?(?:\.(\d+))?([a-zA-Z%])?$/u;

/** Most characters of a field, other than its value. */
const MAX_WIDTH = 10_000;

/**
 * Python's `str.format`.
 *
 * @param text Text with replacement fields.
 * @param args The values, by position or name.
 * @returns The text.
 * @throws {TemplateError} For a field without a value, or a format that is not supported.
 */
export function formatText(text: string, args: Arguments): string {
  const { budget } = args;
  let next = 0;
  let isManual = false;
  budget.text(text.length);
  return budget.replaceEach(text, FIELD, ([match, field, conversion, specification = ""]) => {
    if (match === "{{" || match === "}}") return match[0] as string;
    if (field === undefined) throw new TemplateError(`single '${match}' or a nested field in a format`);
    const index = /^\d+$/.test(field) ? Number(field) : field === "" ? next++ : null;
    isManual ||= index !== null && field !== "";
    if (isManual && next > 0) throw new TemplateError("a format numbers its fields either by itself or not");
    if (/[.[\]]/.test(field)) throw new TemplateError("attributes in a format's field are not supported");
    const value = index === null ? args.keywords.get(field) : args.positional[index];
    if (value === undefined) throw new TemplateError(`the format's field '${field}' has no value`);
    const converted = conversion === undefined
      ? value
      : conversion === "s"
      ? toText(budget, value)
      : conversion === "r"
      ? repr(budget, value)
      : null;
    if (converted === null && conversion !== undefined) {
      throw new TemplateError(`the conversion !${conversion} is not supported`);
    }
    return specification === "" ? toText(budget, converted) : formatValue(args, converted, specification);
  });
}

/** A format specification. */
interface Specification {
  readonly fill: string;
  readonly align: string | null;
  readonly sign: string;
  readonly isAlternate: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | null;
  readonly type: string;
}

function parseSpecification(text: string): Specification {
  const match = SPECIFICATION.exec(text);
  if (match === null) throw new TemplateError(`the format '${text}' is not supported`);
  const [, fill, align, sign, alternate, zero, width, grouping, precision, type] = match;
  if (Number(width) > MAX_WIDTH) throw new TemplateError("this width of a format is not supported");
  return {
    fill: fill ?? (zero === undefined ? " " : "0"),
    align: align ?? (zero === undefined ? null : "="),
    sign: sign ?? "-",
    isAlternate: alternate !== undefined,
    width: Number(width),
    grouping: grouping ?? "",
    precision: precision === undefined ? null : Number(precision),
    type: type ?? "",
  };
}

function formatValue(args: Arguments, value: Value, text: string): string {
  const specification = parseSpecification(text);
  args.budget.text(specification.width);
  const string = stringOf(value);
  if (string !== null) return formatString(string, specification);
  if (typeof value === "number" || typeof value === "boolean") return formatInteger(Number(value), specification);
  if (value instanceof PyFloat) return formatFloat(value.value, specification);
  throw new TemplateError(`unsupported format string passed to ${typeName(value)}.__format__`);
}

function formatString(text: string, specification: Specification): string {
  const { align, sign, isAlternate, grouping, precision, type } = specification;
  // "05" pads strings with zeros on the right.
  const isZeroFilled = align === "=" && specification.fill === "0";
  if (
    sign !== "-" || isAlternate || grouping !== "" || (type !== "" && type !== "s") || (align === "=" && !isZeroFilled)
  ) {
    throw new TemplateError("this format is not supported for a string");
  }
  const cut = precision === null ? text : Array.from(text.slice(0, 2 * precision)).slice(0, precision).join("");
  return aligned("", cut, { ...specification, align: isZeroFilled ? "<" : align }, "<");
}

function formatInteger(value: number, specification: Specification): string {
  const { type, precision, isAlternate, grouping } = specification;
  if (["f", "F", "%"].includes(type)) return formatFloat(value, specification);
  const base = { "": 10, d: 10, b: 2, o: 8, x: 16, X: 16 }[type];
  if (base === undefined || precision !== null || (base !== 10 && grouping === ",")) {
    throw new TemplateError("this format is not supported for an int");
  }
  const digits = Math.abs(int(value)).toString(base);
  const prefix = isAlternate && base !== 10 ? `0${type}` : "";
  const shown = grouped(type === "X" ? digits.toUpperCase() : digits, grouping, base === 10 ? 3 : 4);
  return aligned(signOf(value < 0, specification) + prefix, shown, specification, ">");
}

function formatFloat(value: number, specification: Specification): string {
  const { type, precision, isAlternate, grouping } = specification;
  const isPlain = type === "" && precision === null;
  if (!Number.isFinite(value) || isAlternate || (!isPlain && !["f", "F", "%"].includes(type))) {
    throw new TemplateError("this format is not supported for a float");
  }
  const isNegative = value < 0 || Object.is(value, -0);
  const size = Math.abs(value);
  const digits = isPlain ? floatText(size) : fixed(type === "%" ? size * 100 : size, precision ?? 6);
  if (digits.includes("e") && grouping !== "") throw new TemplateError("this format is not supported for a float");
  const [whole, fraction] = digits.split(".") as [string, string | undefined];
  const shown = grouped(whole, grouping, 3) + (fraction === undefined ? "" : `.${fraction}`);
  return aligned(signOf(isNegative, specification), shown + (type === "%" ? "%" : ""), specification, ">");
}

function signOf(isNegative: boolean, { sign }: Specification): string {
  return isNegative ? "-" : sign === "-" ? "" : sign;
}

function grouped(digits: string, separator: string, size: number): string {
  if (separator === "") return digits;
  const parts: string[] = [];
  for (let end = digits.length; end > 0; end -= size) parts.unshift(digits.slice(Math.max(0, end - size), end));
  return parts.join(separator);
}

function aligned(sign: string, text: string, specification: Specification, usual: string): string {
  const { fill, width, grouping } = specification;
  const align = specification.align ?? usual;
  const missing = Math.max(0, width - sign.length - Array.from(text.slice(0, 2 * width)).length);
  if (align === "=" && missing > 0 && grouping !== "") throw new TemplateError("this format is not supported");
  if (align === "=") return sign + fill.repeat(missing) + text;
  const left = align === "<" ? 0 : align === ">" ? missing : missing >> 1;
  return fill.repeat(left) + sign + text + fill.repeat(missing - left);
}
