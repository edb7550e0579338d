import { AssertionError, suffix } from "./assertion_error.ts";
import { diff } from "./diff.ts";
import { equal } from "./equal.ts";
import { format } from "./format.ts";

function difference(actual: unknown, expected: unknown): string {
  // Texts of several lines are compared line by line.
  const byLine = typeof actual === "string" && typeof expected === "string" &&
    (actual.includes("\n") || expected.includes("\n"));
  const [a, b] = byLine ? [actual, expected] : [format(actual), format(expected)];
  return `\n\n    [Diff] Actual (-) / Expected (+)\n\n${diff(a, b)}\n`;
}

/**
 * Assert deep equality ({@linkcode equal}).
 *
 * @param actual The actual value.
 * @param expected The expected value.
 * @param msg Added to the failure.
 * @throws {AssertionError} When they differ, with a line-by-line difference.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * assertEquals(new Float32Array([1, NaN]), new Float32Array([1, NaN]));
 * ```
 */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  throw new AssertionError(
    `Values are not equal${suffix(msg)}${difference(actual, expected)}`,
  );
}

/**
 * Assert deep inequality, the opposite of {@linkcode assertEquals}.
 *
 * @param actual The actual value.
 * @param expected What it must not equal.
 * @param msg Added to the failure.
 * @throws {AssertionError} When they are deeply equal.
 *
 * @example
 * ```ts
 * import { assertNotEquals } from "@std/assert";
 * assertNotEquals([1, 2], [2, 1]);
 * ```
 */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(
    `Expected actual: ${format(actual)} not to be: ${format(expected)}${suffix(msg)}`,
  );
}

/**
 * Assert identity (`Object.is`): 0 and -0 differ, NaN is NaN.
 *
 * @param actual The actual value.
 * @param expected The expected value.
 * @param msg Added to the failure.
 * @throws {AssertionError} When they are not the same value.
 *
 * @example
 * ```ts
 * import { assertStrictEquals } from "@std/assert";
 * assertStrictEquals(1 + 1, 2);
 * ```
 */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const same = format(actual) === format(expected);
  const detail = same
    ? `\n\n    ${format(actual)}\n\n(equal in structure, but not the same reference)`
    : difference(actual, expected);
  throw new AssertionError(
    `Values are not strictly equal${suffix(msg)}${detail}`,
  );
}

/**
 * Assert non-identity, the opposite of {@linkcode assertStrictEquals}.
 *
 * @param actual The actual value.
 * @param expected What it must not be.
 * @param msg Added to the failure.
 * @throws {AssertionError} When they are the same value.
 *
 * @example
 * ```ts
 * import { assertNotStrictEquals } from "@std/assert";
 * assertNotStrictEquals({}, {});
 * ```
 */
export function assertNotStrictEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!Object.is(actual, expected)) return;
  throw new AssertionError(
    `Expected "actual" to not be strictly equal to: ${format(actual)}${suffix(msg)}`,
  );
}

/**
 * Assert that two numbers differ by at most `tolerance`.
 *
 * @param actual The actual number.
 * @param expected The expected number.
 * @param tolerance The largest difference; by default 1e-7 of `expected`.
 * @param msg Added to the failure.
 * @throws {AssertionError} When they differ by more, or one of them is NaN.
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * assertAlmostEquals(0.1 + 0.2, 0.3);
 * ```
 */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const delta = Math.abs(expected - actual);
  const limit = tolerance ??
    (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (delta <= limit) return;
  const text = (value: number) => Number.isInteger(value) ? String(value) : value.toExponential();
  throw new AssertionError(
    `Expected actual: "${text(actual)}" to be close to "${text(expected)}": ` +
      `delta "${text(delta)}" is greater than "${text(limit)}"${suffix(msg)}`,
  );
}

/** The properties of `actual` that `expected` has, recursively. */
function select(actual: unknown, expected: unknown, within: object[]): unknown {
  if (
    typeof actual !== "object" || typeof expected !== "object" ||
    actual === null || expected === null
  ) return actual;
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return actual;
    return actual.map((item, at) => at < expected.length ? select(item, expected[at], [...within, expected]) : item);
  }
  if (
    Object.getPrototypeOf(expected) !== Object.prototype ||
    within.includes(expected)
  ) return actual;
  const selected: Record<PropertyKey, unknown> = {};
  for (const key of Reflect.ownKeys(expected)) {
    if (!(key in actual)) continue;
    const inner = Reflect.get(expected, key) as unknown;
    selected[key] = select(Reflect.get(actual, key), inner, [
      ...within,
      expected,
    ]);
  }
  return selected;
}

/**
 * Assert that an object has at least the properties of another, recursively; arrays must have equal lengths.
 *
 * @param actual The actual object.
 * @param expected The properties it must have.
 * @param msg Added to the failure.
 * @throws {AssertionError} When a property is missing or differs.
 *
 * @example
 * ```ts
 * import { assertObjectMatch } from "@std/assert";
 * assertObjectMatch({ code: "E", details: { file: "x", line: 1 } }, { details: { file: "x" } });
 * ```
 */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  assertEquals<unknown>(select(actual, expected, []), expected, msg);
}
