/**
 * What filters and tests are made of.
 *
 * @module
 */
import { member } from "../python/subscripts.ts";
import { toText } from "../python/stringify.ts";
import { Markup, stringOf, Undefined, type Value } from "../python/values.ts";
import type { Arguments } from "../python/arguments.ts";

/** A filter. */
export type Filter = (value: Value, args: Arguments) => Value;

/** A test of a value, with arguments. */
export type Test = (value: Value, args: Arguments) => boolean;

/** A filter with named parameters. */
export function filter(parameters: string, call: Filter): Filter {
  const names = parameters === "" ? [] : parameters.split(" ");
  return (value, args) => call(value, args.bind(names));
}

/** A string, or the text of another value; markup stays markup. */
export function soft(value: Value, args: Arguments, change: (text: string) => string): Value {
  const text = change(stringOf(value) ?? toText(args.budget, value));
  return value instanceof Markup ? new Markup(text) : text;
}

/** The part of a path: an index where it is a number. */
const part = (text: string): Value => (/^\d{1,15}$/.test(text) ? Number(text) : text);

/**
 * What sorts, groups or selects an item: itself, or its attribute `a.b.0`.
 *
 * @param args For the budget.
 * @param attribute The path; None for the item itself.
 * @param fallback Taken for a missing attribute.
 * @returns The function that reads it.
 */
export function attributeOf(
  args: Arguments,
  attribute: Value,
  fallback: Value = null,
): (item: Value) => Value {
  if (attribute === null) return (item) => item;
  const text = stringOf(attribute);
  const path = text === null ? [attribute] : text.split(".").map(part);
  return (item) => {
    let value = item;
    for (const key of path) {
      value = member(args.budget, value, key, true);
      if (value instanceof Undefined && fallback !== null) value = fallback;
    }
    return value;
  };
}

/** A key in lower case, unless case matters. */
export function foldCase(args: Arguments, value: Value, isCaseSensitive: boolean): Value {
  const text = isCaseSensitive ? null : stringOf(value);
  if (text === null) return value;
  args.budget.text(text.length);
  return text.toLowerCase();
}
