/**
 * Keys of dicts.
 *
 * @module
 */
import type { Budget } from "../budget.ts";
import { TemplateError } from "../errors.ts";
import { isObject, PyFloat, PyTuple, PyView, stringOf, typeName, type Value } from "./values.ts";

/**
 * The form in which a key is looked up: `1`, `1.0` and `True` are one key.
 *
 * @param budget What is charged.
 * @param map The dict.
 * @param key Any value.
 * @returns The equal key that the dict has, or the key.
 * @throws {TemplateError} For a value that cannot be a key.
 */
export function keyIn(budget: Budget, map: ReadonlyMap<Value, Value>, key: Value): Value {
  const text = stringOf(key);
  if (text !== null) {
    // Looking it up reads all of it.
    budget.text(text.length);
    return text;
  }
  if (Array.isArray(key) || key instanceof Map || (key instanceof PyView && key.kind !== "values")) {
    throw new TemplateError(`unhashable type: '${typeName(key)}'`);
  }
  const own = key instanceof PyFloat && Number.isSafeInteger(key.value) ? key.value : key;
  if (map.has(own)) return own;
  const other = typeof own === "boolean" ? Number(own) : own === 0 || own === 1 ? own === 1 : null;
  return other !== null && map.has(other) ? other : own;
}

/**
 * Set an entry.
 *
 * @param budget What is charged.
 * @param map The dict.
 * @param key A string, int, bool or None.
 * @param value The value.
 * @throws {TemplateError} For another key.
 */
export function setEntry(budget: Budget, map: Map<Value, Value>, key: Value, value: Value): void {
  if (key !== null && (key instanceof PyFloat || key instanceof PyTuple || isObject(key))) {
    throw new TemplateError(`keys of type ${typeName(key)} are not supported`);
  }
  map.set(keyIn(budget, map, key), value);
}
