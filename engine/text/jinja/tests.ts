/**
 * Jinja's tests: `x is defined`, `x is divisibleby(2)`.
 *
 * @module
 */
import {
  compare,
  contains,
  isEqual,
  numeric,
  PyFloat,
  PyFunction,
  PyTuple,
  TemplateError,
  Undefined,
  type Value,
} from "./values.ts";
import { toText } from "./stringify.ts";

/** A test of a value, with arguments. */
export type Test = (value: Value, ...args: Value[]) => boolean;

const order = (holds: (order: number) => boolean): Test => (value, other) => holds(compare(value, other ?? null));
const integer = (value: Value): number => {
  const number = numeric(value);
  if (number === null) throw new TemplateError("the test needs a number");
  return number;
};
const isIterable: Test = (value) =>
  typeof value === "string" || Array.isArray(value) || value instanceof Map || value instanceof PyTuple ||
  value instanceof Undefined;
const isSame: Test = (value, other) => value === other || (value instanceof PyFloat && isEqual(value, other ?? null));
const equal: Test = (value, other) => isEqual(value, other ?? null);
const unequal: Test = (value, other) => !isEqual(value, other ?? null);
const greater = order((result) => result > 0);
const greaterEqual = order((result) => result >= 0);
const less = order((result) => result < 0);
const lessEqual = order((result) => result <= 0);

/** Tests by name. */
export const TESTS: ReadonlyMap<string, Test> = new Map<string, Test>(Object.entries({
  defined: (value) => !(value instanceof Undefined),
  undefined: (value) => value instanceof Undefined,
  none: (value) => value === null,
  boolean: (value) => typeof value === "boolean",
  true: (value) => value === true,
  false: (value) => value === false,
  integer: (value) => typeof value === "number",
  float: (value) => value instanceof PyFloat,
  number: (value) => numeric(value) !== null,
  string: (value) => typeof value === "string",
  mapping: (value) => value instanceof Map,
  iterable: isIterable,
  sequence: (value) => isIterable(value),
  callable: (value) => value instanceof PyFunction,
  sameas: isSame,
  odd: (value) => Math.abs(integer(value) % 2) === 1,
  even: (value) => integer(value) % 2 === 0,
  divisibleby: (value, divisor) => integer(value) % integer(divisor ?? null) === 0,
  lower: (value) => /\p{Ll}/u.test(toText(value)) && toText(value) === toText(value).toLowerCase(),
  upper: (value) => /\p{Lu}/u.test(toText(value)) && toText(value) === toText(value).toUpperCase(),
  in: (value, container) => contains(value, container ?? null),
  escaped: () => false,
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
}));

/**
 * A test by name.
 *
 * @param name Its name.
 * @returns The test.
 * @throws {TemplateError} When it does not exist.
 */
export function testNamed(name: string): Test {
  const test = TESTS.get(name);
  if (test === undefined) throw new TemplateError(`No test named '${name}'.`);
  return test;
}
