/**
 * Follows abort signals.
 *
 * @module
 */
import { messageOf, UpbeatError } from "../../errors.ts";
import { readGiven } from "../config/option.ts";
import type { CancelReason } from "../events/event_types.ts";
import type { Generation } from "./generation.ts";

/**
 * Throw if a signal has aborted.
 *
 * @param signal The signal.
 * @param what The aborted work, for the error, as in "loading the model".
 * @throws {UpbeatError} `ENGINE_CLOSED` with the signal's reason.
 */
export function checkNotAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) throw aborted(signal, what);
}

/**
 * Wait for work, or for a signal to abort, whichever comes first.
 *
 * @param work The work.
 * @param signal The signal; undefined: only wait.
 * @param what The work's name, for the error.
 * @returns The result of the work.
 * @throws {UpbeatError} `ENGINE_CLOSED` with the signal's reason; else the error of the work.
 */
export async function unlessAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal | undefined,
  what: string,
): Promise<Result> {
  if (signal === undefined) return await work;
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(aborted(signal, what));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function aborted(signal: AbortSignal, what: string): UpbeatError {
  const reason = reasonOf(signal);
  const text = messageOf(reason);
  return new UpbeatError("ENGINE_CLOSED", `${what} was aborted: ${text}`, { reason: text }, { cause: reason });
}

/**
 * Abort a generation when a signal does, at once if it already has, and release the signal when the generation is over.
 *
 * @param generation The generation.
 * @param signal The signal; null: do nothing.
 * @throws {UpbeatError} `INVALID_PARAMETER` where the signal's own code throws, as that of a polyfill may.
 */
export function followSignal(generation: Generation, signal: AbortSignal | null): void {
  if (signal === null) return;
  readGiven("signal", () => {
    const abort = () => {
      const reason = reasonOf(signal);
      generation.abort(reason, cancelReason(reason));
    };
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    const release = () => signal.removeEventListener("abort", abort);
    generation.result.then(release, release).catch(() => {});
  });
}

/** The reason of an aborted signal; as the platform's default where a polyfill has none. */
function reasonOf(signal: AbortSignal): unknown {
  try {
    const { reason } = signal;
    if (reason !== undefined) return reason;
  } catch {
    // Its getter threw: there is no reason either.
  }
  return new DOMException("The operation was aborted", "AbortError");
}

/** Why a signal's reason cancels: a deadline if it aborted as `AbortSignal.timeout()` does. */
function cancelReason(reason: unknown): CancelReason {
  try {
    return reason instanceof DOMException && reason.name === "TimeoutError" ? "deadline" : "user";
  } catch {
    // A proxy that throws.
    return "user";
  }
}
