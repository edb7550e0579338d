import { AssertionError, suffix } from "./assertion_error.ts";
import { equal } from "./equal.ts";
import { format } from "./format.ts";

/**
 * Assert that a text contains another.
 *
 * @param actual The text.
 * @param expected What it must contain.
 * @param msg Added to the failure.
 * @throws {AssertionError} When it does not.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * assertStringIncludes("first token", "token");
 * ```
 */
export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to contain: "${expected}"${suffix(msg)}`,
  );
}

/**
 * Assert that a text matches a pattern.
 *
 * @param actual The text.
 * @param expected The pattern.
 * @param msg Added to the failure.
 * @throws {AssertionError} When it does not.
 *
 * @example
 * ```ts
 * import { assertMatch } from "@std/assert";
 * assertMatch("12 ms", /^\d+ ms$/);
 * ```
 */
export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  if (expected.test(actual)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to match: "${expected}"${suffix(msg)}`,
  );
}

/**
 * Assert that a text does not match a pattern.
 *
 * @param actual The text.
 * @param expected The pattern.
 * @param msg Added to the failure.
 * @throws {AssertionError} When it does.
 *
 * @example
 * ```ts
 * import { assertNotMatch } from "@std/assert";
 * assertNotMatch("12 ms", /NaN/);
 * ```
 */
export function assertNotMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  if (!expected.test(actual)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to not match: "${expected}"${suffix(msg)}`,
  );
}

/** An argument of `assertArrayIncludes`. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

/**
 * Assert that an array contains every element of another, by deep equality.
 *
 * @param actual The array.
 * @param expected The elements it must contain.
 * @param msg Added to the failure.
 * @throws {AssertionError} When some are missing, naming them.
 *
 * @example
 * ```ts
 * import { assertArrayIncludes } from "@std/assert";
 * assertArrayIncludes([1, [2], 3], [[2]]);
 * ```
 */
export function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void {
  const all = Array.from(actual);
  const missing = Array.from(expected).filter((item) => !all.some((candidate) => equal(candidate, item)));
  if (missing.length === 0) return;
  throw new AssertionError(
    `Expected actual: "${format(all)}" to include: "${format(Array.from(expected))}"${suffix(msg)}\n` +
      `missing: ${format(missing)}`,
  );
}
