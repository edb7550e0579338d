/**
 * Jinja's tests: `x is defined`, `x is divisibleby(2)`.
 *
 * @module
 */
import { TemplateError } from "../errors.ts";
import { compare, contains, isEqual } from "../python/equality.ts";
import { isIterable } from "../python/methods.ts";
import { arithmetic } from "../python/numbers.ts";
import { toText } from "../python/stringify.ts";
import { isLower, isUpper } from "../python/texts.ts";
import {
  isObject,
  Markup,
  numeric,
  PyFloat,
  PyFunction,
  PyIterator,
  PyView,
  stringOf,
  typeName,
  Undefined,
  undefinedError,
  type Value,
} from "../python/values.ts";
import type { Arguments } from "../python/arguments.ts";
import type { Test } from "./filter.ts";

/** A test without arguments. */
export const plain = (test: (value: Value, args: Arguments) => boolean): Test => (value, args) =>
  test(value, args.bind([]));

/** A test with one argument. */
const withOther = (test: (value: Value, other: Value, args: Arguments) => boolean, name = "other"): Test => {
  return (value, args) => test(value, args.bind([name]).required(0), args);
};

const order = (operator: string, holds: (order: number) => boolean): Test =>
  withOther((value, other, { budget }) => holds(compare(budget, value, other, operator)));

function modulo(value: Value, divisor: Value): number {
  const [a, b] = [numeric(value), numeric(divisor)];
  for (const side of [value, divisor]) if (side instanceof Undefined) throw undefinedError(side);
  if (a === null || b === null) throw new TemplateError(`the test needs numbers, not ${typeName(value)}`);
  return numeric(arithmetic("%", a, b, value instanceof PyFloat || divisor instanceof PyFloat)) as number;
}

function isSame(value: Value, other: Value): boolean {
  const isNumber = typeof value === "number" || value instanceof PyFloat || stringOf(value) !== null;
  if (isNumber && value !== other && isEqualPlain(value, other)) {
    throw new TemplateError("the identity of numbers and strings is not supported");
  }
  return value === other;
}

const isEqualPlain = (a: Value, b: Value): boolean =>
  stringOf(a) !== null ? stringOf(a) === stringOf(b) : numeric(a) === numeric(b);

function isSequence(value: Value): boolean {
  if (value === null || value instanceof PyView || value instanceof PyIterator || isObject(value)) return false;
  return isIterable(value);
}

const equal = withOther((value, other, { budget }) => isEqual(budget, value, other));
const unequal = withOther((value, other, { budget }) => !isEqual(budget, value, other));
const greater = order(">", (result) => result > 0);
const greaterEqual = order(">=", (result) => result >= 0);
const less = order("<", (result) => result < 0);
const lessEqual = order("<=", (result) => result <= 0);

/** Tests by name. */
export const BASIC_TESTS: Readonly<Record<string, Test>> = {
  defined: plain((value) => !(value instanceof Undefined)),
  undefined: plain((value) => value instanceof Undefined),
  none: plain((value) => value === null),
  boolean: plain((value) => typeof value === "boolean"),
  true: plain((value) => value === true),
  false: plain((value) => value === false),
  integer: plain((value) => typeof value === "number"),
  float: plain((value) => value instanceof PyFloat),
  number: plain((value) => numeric(value) !== null),
  string: plain((value) => stringOf(value) !== null),
  mapping: plain((value) => value instanceof Map),
  iterable: plain((value) => isIterable(value)),
  sequence: plain((value) => isSequence(value)),
  callable: plain((value) =>
    // Undefined values have a method that raises when they are called.
    value instanceof PyFunction || value instanceof Undefined ||
    (value !== null && isObject(value) && (value.call !== undefined))
  ),
  sameas: withOther(isSame),
  odd: plain((value) => modulo(value, 2) === 1),
  even: plain((value) => modulo(value, 2) === 0),
  divisibleby: withOther((value, divisor) => modulo(value, divisor) === 0, "num"),
  lower: plain((value, { budget }) => isLower(budget, toText(budget, value))),
  upper: plain((value, { budget }) => isUpper(budget, toText(budget, value))),
  in: withOther((value, container, { budget }) => contains(budget, value, container), "seq"),
  escaped: plain((value) => value instanceof Markup),
  equalto: equal,
  eq: equal,
  "==": equal,
  ne: unequal,
  "!=": unequal,
  greaterthan: greater,
  gt: greater,
  ">": greater,
  ge: greaterEqual,
  ">=": greaterEqual,
  lessthan: less,
  lt: less,
  "<": less,
  le: lessEqual,
  "<=": lessEqual,
};
