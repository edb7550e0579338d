/**
 * Python's attributes, subscripts and slices, as Jinja's sandbox allows them.
 *
 * @module
 */
import type { Budget } from "../budget.ts";
import { TemplateError } from "../errors.ts";
import { expectInteger } from "./arguments.ts";
import { keyIn } from "./dict.ts";
import { methodOf } from "./methods.ts";
import { toText } from "./stringify.ts";
import { hasSurrogates, pointsIn, unitsOf } from "./characters.ts";
import {
  isObject,
  Markup,
  PyRange,
  PyTuple,
  stringOf,
  typeName,
  Undefined,
  undefinedError,
  type Value,
} from "./values.ts";

/**
 * The member at a key or index.
 *
 * @param budget What is charged.
 * @param object The object.
 * @param key A key or an index.
 * @returns The member, or undefined if there is none.
 */
function subscript(budget: Budget, object: Value, key: Value): Value | undefined {
  if (object instanceof Map) {
    return Array.isArray(key) || key instanceof Map ? undefined : object.get(keyIn(budget, object, key));
  }
  const index = typeof key === "boolean" ? Number(key) : key;
  if (typeof index !== "number") return undefined;
  if (Array.isArray(object)) return object.at(index);
  if (object instanceof PyTuple) return object.items.at(index);
  if (object instanceof PyRange) {
    const at = index < 0 ? index + object.length : index;
    return at >= 0 && at < object.length ? object.at(at) : undefined;
  }
  const text = stringOf(object);
  if (text === null) return undefined;
  const char = characterAt(budget, text, index);
  return char === undefined ? undefined : object instanceof Markup ? new Markup(char) : char;
}

/** The character at an index, from the end if it is negative. */
function characterAt(budget: Budget, text: string, index: number): string | undefined {
  budget.text(text.length);
  if (!hasSurrogates(text)) return text.at(index);
  budget.text(2 * text.length);
  const at = index < 0 ? index + pointsIn(text) : index;
  const code = at < 0 ? undefined : text.codePointAt(unitsOf(text, at));
  return code === undefined ? undefined : String.fromCodePoint(code);
}

/** An attribute or a method, or undefined. */
function attribute(object: Value, name: string): Value | undefined {
  if (name.startsWith("_")) return undefined;
  if (object !== null && isObject(object)) return object.attribute(name);
  if (object instanceof PyTuple && object.names.includes(name)) return object.items[object.names.indexOf(name)];
  return methodOf(object, name);
}

/** The name of a value's type in Jinja's messages. */
const describe = (value: Value): string => (value === null ? "None" : `${typeName(value)} object`);

/**
 * `object.name` (attributes take precedence) or `object[key]` (items take precedence).
 *
 * @param budget What is charged.
 * @param object The object.
 * @param key An attribute's name, or a key.
 * @param isItem Whether it is written in brackets.
 * @returns The member, or an undefined value if it does not exist.
 * @throws {TemplateError} For a member of an undefined value.
 */
export function member(budget: Budget, object: Value, key: Value, isItem: boolean): Value {
  budget.step();
  if (object instanceof Undefined) throw undefinedError(object);
  const name = stringOf(key);
  if (isItem && name !== null) budget.text(name.length);
  let found = isItem ? subscript(budget, object, key) : undefined;
  if (found === undefined && name !== null) found = attribute(object, name);
  // None (null) is a member like any other: only undefined means that it does not exist.
  if (found === undefined && !isItem) found = subscript(budget, object, key);
  if (found !== undefined) return found;
  return new Undefined(
    name !== null
      ? `'${describe(object)}' has no attribute '${name}'`
      : `${describe(object)} has no element ${toText(budget, key)}`,
  );
}

/**
 * `sequence[start:stop:step]`.
 *
 * @param budget What is charged.
 * @param sequence A string, list, tuple or range.
 * @param bounds Start, stop and step; None if omitted.
 * @returns The slice.
 * @throws {TemplateError} For another value, or a step of zero.
 */
export function slice(budget: Budget, sequence: Value, bounds: readonly Value[]): Value {
  if (sequence instanceof Undefined) throw undefinedError(sequence);
  const text = stringOf(sequence);
  if (text !== null) {
    budget.text(text.length);
    const picked = sliceText(budget, text, bounds);
    return sequence instanceof Markup ? new Markup(picked) : picked;
  }
  if (sequence instanceof PyTuple) return new PyTuple(pick(budget, sequence.items, bounds));
  if (Array.isArray(sequence)) return pick(budget, sequence, bounds);
  if (sequence instanceof PyRange) {
    const { start, stop, step } = resolve(sequence.length, bounds);
    const from = sequence.start + start * sequence.step;
    return new PyRange(from, sequence.start + stop * sequence.step, step * sequence.step);
  }
  throw new TemplateError(`'${typeName(sequence)}' object is not subscriptable`);
}

function sliceText(budget: Budget, text: string, bounds: readonly Value[]): string {
  const hasPairs = hasSurrogates(text);
  if (hasPairs) budget.text(3 * text.length);
  const { start, stop, step } = resolve(hasPairs ? pointsIn(text) : text.length, bounds);
  if (step !== 1) {
    budget.step(text.length);
    return pick(budget, Array.from(text), bounds).join("");
  }
  if (!hasPairs) return text.slice(start, Math.max(start, stop));
  return text.slice(unitsOf(text, start), unitsOf(text, Math.max(start, stop)));
}

function resolve(length: number, bounds: readonly Value[]): { start: number; stop: number; step: number } {
  const [start, stop, step] = bounds.map((value) =>
    value === null ? null : expectInteger(value, "a slice's bound")
  ) as [
    number | null,
    number | null,
    number | null,
  ];
  const by = step ?? 1;
  if (by === 0) throw new TemplateError("slice step cannot be zero");
  const clamp = (value: number | null, fallback: number): number => {
    if (value === null) return fallback;
    const index = value < 0 ? value + length : value;
    return by > 0 ? Math.min(Math.max(index, 0), length) : Math.min(Math.max(index, -1), length - 1);
  };
  return { start: clamp(start, by > 0 ? 0 : length - 1), stop: clamp(stop, by > 0 ? length : -1), step: by };
}

function pick<T>(budget: Budget, items: readonly T[], bounds: readonly Value[]): T[] {
  const { start, stop, step } = resolve(items.length, bounds);
  budget.step(Math.max(0, Math.ceil((stop - start) / step)));
  if (step === 1) return items.slice(start, Math.max(start, stop));
  const picked: T[] = [];
  for (let i = start; step > 0 ? i < stop : i > stop; i += step) picked.push(items[i] as T);
  return picked;
}
