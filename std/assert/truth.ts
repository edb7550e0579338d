import { AssertionError, suffix } from "./assertion_error.ts";
import { format } from "./format.ts";

/** A class, abstract or not. */
// deno-lint-ignore no-explicit-any
export type AnyConstructor = abstract new (...args: any[]) => any;

/** The instance type of a class. */
export type GetConstructorType<T extends AnyConstructor> = InstanceType<T>;

/**
 * Assert that something is truthy.
 *
 * @param expr The value.
 * @param msg The failure's message.
 * @throws {AssertionError} When it is falsy.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * assert("hello".includes("ello"));
 * ```
 */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Falsy values. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/**
 * Assert that something is falsy.
 *
 * @param expr The value.
 * @param msg The failure's message.
 * @throws {AssertionError} When it is truthy.
 *
 * @example
 * ```ts
 * import { assertFalse } from "@std/assert";
 * assertFalse([].includes(1 as never));
 * ```
 */
export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

/**
 * Assert that a value is neither null nor undefined.
 *
 * @param actual The value.
 * @param msg Added to the failure.
 * @throws {AssertionError} When it is.
 *
 * @example
 * ```ts
 * import { assertExists } from "@std/assert";
 * assertExists(new Map([[1, 2]]).get(1));
 * ```
 */
export function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) {
    throw new AssertionError(
      `Expected actual: "${actual}" to not be null or undefined${suffix(msg)}`,
    );
  }
}

/**
 * Assert that a value is an instance of a class.
 *
 * @param actual The value.
 * @param expectedType The class.
 * @param msg Added to the failure.
 * @throws {AssertionError} When it is not.
 *
 * @example
 * ```ts
 * import { assertInstanceOf } from "@std/assert";
 * assertInstanceOf(new Uint8Array(1), Uint8Array);
 * ```
 */
export function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  msg?: string,
): asserts actual is GetConstructorType<T> {
  if (actual instanceof expectedType) return;
  const found = actual === null || typeof actual !== "object"
    ? typeof actual === "object" ? "null" : typeof actual
    : (actual.constructor?.name ?? "Object");
  throw new AssertionError(
    `Expected object to be an instance of "${expectedType.name}" but was "${found}"${suffix(msg)}`,
  );
}

/**
 * Fail.
 *
 * @param msg Why.
 * @returns Never.
 * @throws {AssertionError} Always.
 *
 * @example
 * ```ts
 * import { assertThrows, fail } from "@std/assert";
 * assertThrows(() => fail("not here"));
 * ```
 */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${suffix(msg)}`);
}

/**
 * Mark unreachable code.
 *
 * @param reason Why it is unreachable.
 * @returns Never.
 * @throws {AssertionError} Always.
 *
 * @example
 * ```ts
 * import { assertThrows, unreachable } from "@std/assert";
 * assertThrows(() => unreachable("all cases are handled"));
 * ```
 */
export function unreachable(reason?: string): never {
  throw new AssertionError(`Unreachable${suffix(reason)}`);
}

function compare<T>(
  holds: boolean,
  actual: T,
  relation: string,
  expected: T,
  msg: string | undefined,
): void {
  if (holds) return;
  throw new AssertionError(
    `Expect ${format(actual)} ${relation} ${format(expected)}${msg ? `: ${msg}` : ""}`,
  );
}

/**
 * Assert `actual > expected`.
 *
 * @param actual The actual value.
 * @param expected What it must exceed.
 * @param msg Added to the failure.
 * @throws {AssertionError} When it does not.
 *
 * @example
 * ```ts
 * import { assertGreater } from "@std/assert";
 * assertGreater(2, 1);
 * ```
 */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  compare(actual > expected, actual, ">", expected, msg);
}

/**
 * Assert `actual >= expected`.
 *
 * @param actual The actual value.
 * @param expected What it must reach.
 * @param msg Added to the failure.
 * @throws {AssertionError} When it does not.
 *
 * @example
 * ```ts
 * import { assertGreaterOrEqual } from "@std/assert";
 * assertGreaterOrEqual(2, 2);
 * ```
 */
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  compare(actual >= expected, actual, ">=", expected, msg);
}

/**
 * Assert `actual < expected`.
 *
 * @param actual The actual value.
 * @param expected What it must stay below.
 * @param msg Added to the failure.
 * @throws {AssertionError} When it does not.
 *
 * @example
 * ```ts
 * import { assertLess } from "@std/assert";
 * assertLess(1, 2);
 * ```
 */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  compare(actual < expected, actual, "<", expected, msg);
}

/**
 * Assert `actual <= expected`.
 *
 * @param actual The actual value.
 * @param expected What it must not exceed.
 * @param msg Added to the failure.
 * @throws {AssertionError} When it does.
 *
 * @example
 * ```ts
 * import { assertLessOrEqual } from "@std/assert";
 * assertLessOrEqual(2, 2);
 * ```
 */
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  compare(actual <= expected, actual, "<=", expected, msg);
}
