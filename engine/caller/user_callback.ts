/**
 * Callbacks of the engine's user, whose errors are the user's own: they must not end the process, nor harm other requests.
 *
 * @module
 */
import process from "node:process";
import { showValue, UpbeatError } from "../../errors.ts";

/** A user's function with its errors caught. */
export type GuardedCallback<Value> = (value: Value) => void;

/**
 * Catch the errors of a user's function, and the rejections of an async one.
 *
 * @param callback The function; null: there is none.
 * @param onError Called with each error.
 * @returns A function that never throws; null where there is none.
 */
export function guardCallback<Value>(
  callback: ((value: Value) => unknown) | null,
  onError: (error: unknown) => void,
): GuardedCallback<Value> | null {
  if (callback === null) return null;
  return (value) => {
    try {
      const returned = callback(value);
      if (returned instanceof Promise) returned.catch(onError);
    } catch (error) {
      onError(error);
    }
  };
}

/**
 * The error of an operation that a user's function ended by throwing.
 *
 * @param name The function's name as an option.
 * @param thrown What it threw.
 * @returns `INVALID_PARAMETER`, with the thrown value as its cause.
 */
export function callbackError(name: string, thrown: unknown): UpbeatError {
  return new UpbeatError("INVALID_PARAMETER", describe(name, thrown), { field: name }, { cause: thrown });
}

/**
 * Report the errors of a user's function as process warnings, the first of them only: it may be called for each step.
 *
 * @param name The function's name as an option.
 * @returns Takes each error.
 */
export function warnOnce(name: string): (thrown: unknown) => void {
  let hasWarned = false;
  return (thrown) => {
    if (hasWarned) return;
    hasWarned = true;
    process.emitWarning(`${describe(name, thrown)}; further errors of it are not reported`, {
      code: "UPBEAT_CALLBACK_FAILED",
      detail: thrown instanceof Error ? String(thrown.stack) : "",
    });
  };
}

function describe(name: string, thrown: unknown): string {
  return `${name} threw ${thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : showValue(thrown)}`;
}
