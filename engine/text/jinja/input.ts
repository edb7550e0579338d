/**
 * Variables that the caller passes to a template, as Python's values.
 *
 * @module
 */
import { UpbeatError } from "../../../errors.ts";
import { type Budget, MAX_VALUE_DEPTH } from "./budget.ts";
import { PyFloat, type Value } from "./python/values.ts";

/** Most values of the input: lists, dicts, their members. A message of a role and a text is three. */
const MAX_VALUES = 100_000;
/** Most characters of the input. */
const MAX_CHARACTERS = 32 << 20;

/**
 * Convert variables to Python's values, and extend a budget by their size.
 *
 * @param variables Plain values by name; those that are undefined are left out.
 * @param budget The budget.
 * @returns The values.
 * @throws {UpbeatError} PROMPT_INVALID for something that is not plain data, is nested too deeply, or is too large.
 */
export function readInput(variables: Readonly<Record<string, unknown>>, budget: Budget): Map<string, Value> {
  const reader = new Reader();
  const input = new Map<string, Value>();
  for (const [name, value] of Object.entries(variables)) {
    if (value !== undefined) input.set(name, reader.read(value, name, 0));
  }
  budget.grant(reader.values, reader.characters);
  return input;
}

class Reader {
  values = 0;
  characters = 0;

  read(value: unknown, name: string, depth: number): Value {
    this.#count(1, name);
    if (value === null || value === undefined || typeof value === "boolean") return value ?? null;
    if (typeof value === "string") return this.#text(value, name);
    if (typeof value === "number") return Number.isInteger(value) ? value : new PyFloat(value);
    if (typeof value === "bigint") return Number(value);
    if (depth > MAX_VALUE_DEPTH) throw invalid(name, "is nested too deeply, or contains itself");
    if (Array.isArray(value)) {
      if (value.length > MAX_VALUES) this.#count(value.length, name);
      return value.map((item) => this.read(item, name, depth + 1));
    }
    if (typeof value !== "object" || !isPlain(value)) {
      const type = typeof value === "object" ? value.constructor?.name ?? "object" : typeof value;
      throw invalid(name, `holds a ${type.slice(0, 40)}; templates get plain data only`);
    }
    const map = new Map<Value, Value>();
    for (const [key, item] of Object.entries(value)) {
      if (item !== undefined) map.set(this.#text(key, name), this.read(item, name, depth + 1));
    }
    return map;
  }

  #count(values: number, name: string): void {
    this.values += values;
    if (this.values > MAX_VALUES) throw invalid(name, `makes the conversation larger than ${MAX_VALUES} values`);
  }

  #text(text: string, name: string): string {
    this.characters += text.length;
    if (this.characters > MAX_CHARACTERS) {
      throw invalid(name, `makes the conversation longer than ${MAX_CHARACTERS} characters`);
    }
    return text;
  }
}

/** Whether an object is made of braces, or comes from JSON. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function invalid(name: string, problem: string): UpbeatError {
  const field = name.slice(0, 60);
  return new UpbeatError("PROMPT_INVALID", `the template's variable ${field} ${problem}`, { field });
}
