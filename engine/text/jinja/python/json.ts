/**
 * Python's `json.dumps()`.
 *
 * @module
 */
import { type Budget, MAX_VALUE_DEPTH } from "../budget.ts";
import { BudgetExceeded, TemplateError } from "../errors.ts";
import { compare } from "./equality.ts";
import { floatText, intText } from "./stringify.ts";
import { PyFloat, PyTuple, stringOf, typeName, type Value } from "./values.ts";

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
 * @param budget What is charged.
 * @param value Any value.
 * @param options The options.
 * @returns JSON.
 * @throws {TemplateError} For a value that JSON cannot represent, or one that is nested too deeply.
 */
export function toJson(budget: Budget, value: Value, options: JsonOptions): string {
  return new Writer(budget, options).write(value, 0);
}

class Writer {
  readonly #budget: Budget;
  readonly #options: JsonOptions;

  constructor(budget: Budget, options: JsonOptions) {
    [this.#budget, this.#options] = [budget, options];
  }

  write(value: Value, depth: number): string {
    this.#budget.step(2);
    if (value === null) return "null";
    if (typeof value === "boolean") return String(value);
    if (typeof value === "number") return intText(value);
    if (value instanceof PyFloat) return floatJson(value.value);
    const text = stringOf(value);
    if (text !== null) return this.#text(text);
    if (depth > MAX_VALUE_DEPTH) throw new BudgetExceeded("it writes JSON that is nested too deeply");
    if (Array.isArray(value) || value instanceof PyTuple) {
      const items = Array.isArray(value) ? value : value.items;
      return this.#wrap("[", items.map((item) => this.write(item, depth + 1)), "]", depth);
    }
    if (!(value instanceof Map)) throw new TemplateError(`Object of type ${typeName(value)} is not JSON serializable`);
    const entries = [...value];
    if (this.#options.sortKeys) entries.sort(([a], [b]) => compare(this.#budget, a, b));
    const parts = entries.map(([key, item]) =>
      this.#text(jsonKey(key)) + this.#options.keySeparator + this.write(item, depth + 1)
    );
    return this.#wrap("{", parts, "}", depth);
  }

  #wrap(open: string, parts: readonly string[], close: string, depth: number): string {
    if (parts.length === 0) return open + close;
    const { indent, itemSeparator } = this.#options;
    const width = indent === null ? 0 : 1 + indent.length * (depth + 1);
    this.#budget.text(parts.length * (width + itemSeparator.length));
    const inner = indent === null ? "" : `\n${indent.repeat(depth + 1)}`;
    const outer = indent === null ? "" : `\n${indent.repeat(depth)}`;
    const text = open + inner + parts.join(itemSeparator + inner) + outer + close;
    this.#budget.text(text.length);
    return text;
  }

  #text(text: string): string {
    this.#budget.text(2 * text.length);
    // JavaScript escapes surrogates without a partner, Python only with ensure_ascii.
    const json = JSON.stringify(text);
    if (!this.#options.ensureAscii) return json;
    return json.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  }
}

function floatJson(value: number): string {
  if (Number.isFinite(value)) return floatText(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

function jsonKey(key: Value): string {
  const text = stringOf(key);
  if (text !== null) return text;
  if (key === null) return "null";
  if (typeof key === "boolean") return String(key);
  if (typeof key === "number") return intText(key);
  throw new TemplateError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}
