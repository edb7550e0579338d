/**
 * A typed subset of the JSR package `@std/assert`: same names, signatures and behaviour, so that they are interchangeable.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * assertEquals({ a: [1, 2] }, { a: [1, 2] });
 * ```
 *
 * @module
 */
export { AssertionError } from "./assertion_error.ts";
export { equal } from "./equal.ts";
export {
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertNotStrictEquals,
  assertObjectMatch,
  assertStrictEquals,
} from "./equality.ts";
export {
  assert,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertLess,
  assertLessOrEqual,
  fail,
  unreachable,
} from "./truth.ts";
export type { AnyConstructor, Falsy, GetConstructorType } from "./truth.ts";
export { assertArrayIncludes, assertMatch, assertNotMatch, assertStringIncludes } from "./contents.ts";
export type { ArrayLikeArg } from "./contents.ts";
export { assertRejects, assertThrows } from "./throws.ts";
