/**
 * Argument checks, with the messages of the real libraries.
 *
 * @module
 */
import { STATUS } from "../../../../ffi/abi.ts";

/** A rejected call: its status, and the message for `upbeat_last_error`. */
export class CallError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A fault of work on the device. */
export class WorkFault extends Error {}

/** Rejects a call with `INVALID_ARGUMENT`. */
export function refuse(message: string): never {
  throw new CallError(STATUS.INVALID_ARGUMENT, message);
}

/** @throws {CallError} If the value is not an integer above 0. */
export function checkPositive(argument: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value > 0)) refuse(`${argument}: must be above 0, is ${value}`);
}

/** @throws {CallError} If the value is not an integer of at least 0. */
export function checkNotNegative(argument: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0)) refuse(`${argument}: must not be negative, is ${value}`);
}

/** @throws {CallError} If exactly one of two operands is null. */
export function checkBothOrNone(firstArgument: string, first: unknown, secondArgument: string, second: unknown): void {
  if ((first === null) !== (second === null)) {
    refuse(`${firstArgument} and ${secondArgument}: both must be given or both null`);
  }
}
