/**
 * Assertions on typed errors.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UpbeatError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";

/**
 * Assert that a function throws an {@linkcode UpbeatError} with a code and a message that names the cause.
 *
 * @param run The function.
 * @param code The expected code.
 * @param parts What the message must contain.
 * @returns The error.
 */
export function assertUpbeatError(run: () => unknown, code: ErrorCode, ...parts: string[]): UpbeatError {
  const error = assertThrows(run, UpbeatError);
  assertEquals(error.code, code, error.message);
  assert(parts.length > 0, "list what the message must contain");
  for (const part of parts) assertStringIncludes(error.message, part);
  return error;
}
