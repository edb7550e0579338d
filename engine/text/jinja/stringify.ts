/**
 * Converts Python values to text: `str()`, `repr()` and `json.dumps()`.
 *
 * @module
 */
import {
  iterate,
  PyFloat,
  PyFunction,
  PyObject,
  PyTuple,
  TemplateError,
  typeName,
  Undefined,
  type Value,
} from "./values.ts";

/**
 * Python's `str()`.
 *
 * @param value Any value.
 * @returns The output of `{{ value }}`.
 */
export function toText(value: Value): string {
  if (typeof value === "string") return value;
  if (value instanceof Undefined) return "";
  return repr(value);
}

/**
 * Python's `repr()`.
 *
 * @param value Any value.
 * @returns The text.
 */
export function repr(value: Value): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return intText(value);
  if (typeof value === "string") return reprText(value);
  if (value instanceof PyFloat) return floatText(value.value);
  if (value instanceof Undefined) return "Undefined";
  if (value instanceof PyTuple) {
    return value.items.length === 1 ? `(${repr(value.items[0] as Value)},)` : `(${value.items.map(repr).join(", ")})`;
  }
  if (Array.isArray(value)) return `[${value.map(repr).join(", ")}]`;
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${repr(key)}: ${repr(item)}`).join(", ")}}`;
  return value instanceof PyObject || value instanceof PyFunction ? `<${typeName(value)}>` : "";
}

/** Formats an int; JavaScript would use an exponent for large ones. */
function intText(value: number): string {
  return Number.isSafeInteger(value) ? String(value) : BigInt(value).toString();
}

/** Python's `repr()` of a float: shortest digits, with an exponent from 1e16 on and below 1e-4. */
function floatText(value: number): string {
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
function reprText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let output = quote;
  for (const char of text) {
    const code = char.codePointAt(0) as number;
    if (char === quote) output += `\\${char}`;
    else if (ESCAPES[char] !== undefined) output += ESCAPES[char];
    else if (char === " " || !/[\p{C}\p{Z}]/u.test(char)) output += char;
    else if (code < 0x100) output += `\\x${code.toString(16).padStart(2, "0")}`;
    else if (code < 0x10000) output += `\\u${code.toString(16).padStart(4, "0")}`;
    else output += `\\U${code.toString(16).padStart(8, "0")}`;
  }
  return output + quote;
}

/** Options of {@linkcode toJson}: those of `json.dumps`. */
export interface JsonOptions {
  /** Escape non-ASCII characters. */
  readonly ensureAscii: boolean;
  /** One level of indentation; null for a single line. */
  readonly indent: string | null;
  /** Separator between items. */
  readonly itemSeparator: string;
  /** Separator between a key and its value. */
  readonly keySeparator: string;
  /** Sort keys. */
  readonly sortKeys: boolean;
}

/**
 * Python's `json.dumps()`.
 *
 * @param value Any value.
 * @param options The options.
 * @returns JSON.
 * @throws {TemplateError} For a value that JSON cannot represent.
 */
export function toJson(value: Value, options: JsonOptions): string {
  return writeJson(value, options, "\n");
}

function writeJson(value: Value, options: JsonOptions, newline: string): string {
  if (value === null) return "null";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") return intText(value);
  if (typeof value === "string") return jsonText(value, options);
  if (value instanceof PyFloat) {
    return Number.isNaN(value.value) ? "NaN" : floatText(value.value).replace("inf", "Infinity");
  }
  const inner = options.indent === null ? "" : newline + options.indent;
  const outer = options.indent === null ? "" : newline;
  const wrap = (open: string, parts: readonly string[], close: string): string =>
    parts.length === 0 ? open + close : open + inner + parts.join(options.itemSeparator + inner) + outer + close;
  const next = newline + (options.indent ?? "");
  if (Array.isArray(value) || value instanceof PyTuple) {
    return wrap("[", iterate(value).map((item) => writeJson(item, options, next)), "]");
  }
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]): [string, Value] => [jsonKey(key), item]);
    if (options.sortKeys) entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const parts = entries.map(([key, item]) =>
      jsonText(key, options) + options.keySeparator + writeJson(item, options, next)
    );
    return wrap("{", parts, "}");
  }
  throw new TemplateError(`Object of type ${typeName(value)} is not JSON serializable`);
}

function jsonKey(key: Value): string {
  if (typeof key === "string") return key;
  if (key === null) return "null";
  return typeof key === "boolean" ? String(key) : toText(key);
}

function jsonText(text: string, options: JsonOptions): string {
  const json = JSON.stringify(text);
  if (!options.ensureAscii) return json;
  return json.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
