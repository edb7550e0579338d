/**
 * Checks of what a caller passed, with the sentences of the real libraries.
 *
 * @module
 */
import { STATUS } from "../../../../ffi/abi.ts";

/** A call that is refused: its status, and the sentence for `upbeat_last_error`. */
export class CallError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Work that breaks on the device. */
export class WorkFault extends Error {}

/** Refuse a call for what was passed to it. */
export function refuse(message: string): never {
  throw new CallError(STATUS.INVALID_ARGUMENT, message);
}

/** @throws {CallError} When the value is not an integer above 0. */
export function checkPositive(argument: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value > 0)) refuse(`${argument}: must be above 0, is ${value}`);
}

/** @throws {CallError} When the value is not an integer of 0 or more. */
export function checkNotNegative(argument: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0)) refuse(`${argument}: must not be negative, is ${value}`);
}

/** @throws {CallError} When just one of two operands is null. */
export function checkBothOrNone(firstArgument: string, first: unknown, secondArgument: string, second: unknown): void {
  if ((first === null) !== (second === null)) {
    refuse(`${firstArgument} and ${secondArgument}: both must be given or both null`);
  }
}
