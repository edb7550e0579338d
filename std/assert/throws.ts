import { AssertionError, suffix } from "./assertion_error.ts";

/** A class, abstract or not. */
// deno-lint-ignore no-explicit-any
type ErrorClass<E = unknown> = abstract new (...args: any[]) => E;

function describe(thrown: unknown): string {
  return thrown instanceof Error ? thrown.constructor.name : typeof thrown;
}

/** Check a thrown value against a class and a part of its message. */
function check(
  thrown: unknown,
  errorClass: ErrorClass,
  msgIncludes: string | undefined,
  msg: string | undefined,
) {
  if (!(thrown instanceof Error)) {
    throw new AssertionError(`A non-Error object was thrown${suffix(msg)}`, {
      cause: thrown,
    });
  }
  if (!(thrown instanceof errorClass)) {
    throw new AssertionError(
      `Expected error to be instance of "${errorClass.name}", but was "${describe(thrown)}"${suffix(msg)}` +
        ` Its message is: "${thrown.message}"`,
      { cause: thrown },
    );
  }
  if (msgIncludes !== undefined && !thrown.message.includes(msgIncludes)) {
    throw new AssertionError(
      `Expected error message to include "${msgIncludes}", but got "${thrown.message}"${suffix(msg)}`,
      { cause: thrown },
    );
  }
}

/** Distinguish the two call forms: a class with its checks, or only a message. */
function readArguments(
  errorClassOrMsg: ErrorClass | string | undefined,
  msgIncludesOrMsg: string | undefined,
  msg: string | undefined,
): {
  errorClass: ErrorClass | undefined;
  msgIncludes: string | undefined;
  msg: string | undefined;
} {
  return typeof errorClassOrMsg === "function" ? { errorClass: errorClassOrMsg, msgIncludes: msgIncludesOrMsg, msg } : {
    errorClass: undefined,
    msgIncludes: undefined,
    msg: errorClassOrMsg ?? msgIncludesOrMsg,
  };
}

/**
 * Assert that a function throws.
 *
 * @param fn The function.
 * @param msg Added to the failure.
 * @returns The thrown value.
 * @throws {AssertionError} When it returns.
 */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/**
 * Assert that a function throws an error of a class.
 *
 * @param fn The function.
 * @param ErrorClass The class.
 * @param msgIncludes A part of the error's message.
 * @param msg Added to the failure.
 * @returns The error.
 * @throws {AssertionError} When it returns, or throws something else.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 * const error = assertThrows(() => JSON.parse("{"), SyntaxError);
 * console.log(error.message);
 * ```
 */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  // deno-lint-ignore no-explicit-any
  ErrorClass: abstract new (...args: any[]) => E,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  errorClassOrMsg?: ErrorClass | string,
  msgIncludesOrMsg?: string,
  lastMsg?: string,
): unknown {
  const { errorClass, msgIncludes, msg } = readArguments(
    errorClassOrMsg,
    msgIncludesOrMsg,
    lastMsg,
  );
  try {
    fn();
  } catch (thrown) {
    if (errorClass) check(thrown, errorClass, msgIncludes, msg);
    return thrown;
  }
  throw new AssertionError(`Expected function to throw${suffix(msg)}`);
}

/**
 * Assert that a function's promise rejects.
 *
 * @param fn The function.
 * @param msg Added to the failure.
 * @returns What it rejected with.
 * @throws {AssertionError} When it resolves, or throws before it returns a promise.
 */
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
/**
 * Assert that a function's promise rejects with an error of a class.
 *
 * @param fn The function.
 * @param ErrorClass The class.
 * @param msgIncludes A part of the error's message.
 * @param msg Added to the failure.
 * @returns The error.
 * @throws {AssertionError} When it resolves, rejects with something else, or throws before it returns a promise.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * await assertRejects(() => Promise.reject(new TypeError("no")), TypeError, "no");
 * ```
 */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  // deno-lint-ignore no-explicit-any
  ErrorClass: abstract new (...args: any[]) => E,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  errorClassOrMsg?: ErrorClass | string,
  msgIncludesOrMsg?: string,
  lastMsg?: string,
): Promise<unknown> {
  const { errorClass, msgIncludes, msg } = readArguments(
    errorClassOrMsg,
    msgIncludesOrMsg,
    lastMsg,
  );
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (thrown) {
    throw new AssertionError(
      `Function throws when expected to reject${suffix(msg)}`,
      { cause: thrown },
    );
  }
  if (typeof promise?.then !== "function") {
    throw new AssertionError(
      `Expected function to return a promise${suffix(msg)}`,
    );
  }
  try {
    await promise;
  } catch (thrown) {
    if (errorClass) check(thrown, errorClass, msgIncludes, msg);
    return thrown;
  }
  throw new AssertionError(`Expected function to reject${suffix(msg)}`);
}
