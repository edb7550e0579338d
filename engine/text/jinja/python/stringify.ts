/**
 * Python's `str()` and `repr()`.
 *
 * @module
 */
import { type Budget, MAX_VALUE_DEPTH } from "../budget.ts";
import { BudgetExceeded, TemplateError } from "../errors.ts";
import {
  isObject,
  Markup,
  PyFloat,
  PyFunction,
  PyRange,
  PyTuple,
  PyView,
  typeName,
  Undefined,
  type Value,
} from "./values.ts";

/**
 * Python's `str()`.
 *
 * @param budget What is charged.
 * @param value Any value.
 * @returns The text.
 * @throws {TemplateError} For a value that prints its address in Python, or is nested too deeply.
 */
export function toText(budget: Budget, value: Value): string {
  if (typeof value === "string") return value;
  if (value instanceof Undefined) return "";
  return value instanceof Markup ? value.text : repr(budget, value);
}

/**
 * Python's `repr()`.
 *
 * @param budget What is charged.
 * @param value Any value.
 * @param depth How many lists and dicts it is in.
 * @returns The text.
 * @throws {TemplateError} For a value that prints its address in Python, or is nested too deeply.
 */
export function repr(budget: Budget, value: Value, depth = 0): string {
  budget.step();
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return intText(value);
  if (typeof value === "string") return reprText(budget, value);
  if (value instanceof Markup) return `Markup(${reprText(budget, value.text)})`;
  if (value instanceof PyFloat) return floatText(value.value);
  if (value instanceof Undefined) return "Undefined";
  if (depth > MAX_VALUE_DEPTH) throw new BudgetExceeded("it prints values that are nested too deeply");
  if (value instanceof PyRange) {
    return `range(${value.start}, ${value.stop}${value.step === 1 ? "" : `, ${value.step}`})`;
  }
  if (value instanceof PyFunction && value.printed !== null) return value.printed;
  const member = (item: Value): string => repr(budget, item, depth + 1);
  let text: string | null = null;
  if (Array.isArray(value)) text = `[${value.map(member).join(", ")}]`;
  else if (value instanceof PyTuple) {
    text = `(${value.items.map(member).join(", ")}${value.items.length === 1 ? "," : ""})`;
  } else if (value instanceof Map) {
    text = `{${Array.from(value, ([key, item]) => `${member(key)}: ${member(item)}`).join(", ")}}`;
  } else if (value instanceof PyView) text = `dict_${value.kind}([${value.members().map(member).join(", ")}])`;
  else if (isObject(value)) text = value.print(budget, depth + 1);
  if (text === null) throw new TemplateError(`printing a ${typeName(value)} is not supported`);
  budget.text(text.length);
  return text;
}

/** Formats an int; JavaScript would use an exponent for large ones, which input may contain. */
export function intText(value: number): string {
  return Number.isSafeInteger(value) ? String(value) : BigInt(value).toString();
}

/** Python's `repr()` of a float: shortest digits, with an exponent from 1e16 on and below 1e-4. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa, power] = value.toExponential().split("e") as [string, string];
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const sign = value < 0 ? "-" : "";
  const digits = mantissa.replace("-", "").replace(".", "");
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return `${sign}${digits.padEnd(exponent + 1, "0")}.0`;
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Python's `repr()` of a string. */
function reprText(budget: Budget, text: string): string {
  budget.text(text.length);
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = budget.replaceEach(text, /['"\\]|[^\x20-\x7e]/gu, ([char]) => {
    if (char === "'" || char === '"') return char === quote ? `\\${char}` : char;
    if (ESCAPES[char] !== undefined) return ESCAPES[char];
    if (!/[\p{C}\p{Z}]/u.test(char)) return char;
    const code = (char.codePointAt(0) as number).toString(16);
    if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
    return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
  });
  return quote + escaped + quote;
}
