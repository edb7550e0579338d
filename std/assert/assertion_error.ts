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
   * @param message What was expected and what was found.
   * @param options `cause`: the error underneath, where there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/**
 * The end of a message: the caller's own words, if any.
 *
 * @param message What the caller gave.
 * @returns `": message"`, or `"."`.
 */
export function suffix(message: string | undefined): string {
  return message === undefined || message === "" ? "." : `: ${message}`;
}
