/**
 * The error that a failed assertion throws.
 *
 * @example
 * ```ts
 * import { assert, AssertionError } from "@std/assert";
 * try {
 *   assert(1 > 2, "one is small");
 * } catch (error) {
 *   console.log(error instanceof AssertionError); // true
 * }
 * ```
 */
export class AssertionError extends Error {
  /**
   * @param message The expectation and the actual value.
   * @param options `cause`: the underlying error, if any.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/**
 * The end of a failure message.
 *
 * @param message The caller's message, if any.
 * @returns `": message"`, or `"."`.
 */
export function suffix(message: string | undefined): string {
  return message === undefined || message === "" ? "." : `: ${message}`;
}
