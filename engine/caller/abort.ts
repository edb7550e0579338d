/**
 * Follows abort signals.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
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

function aborted({ reason }: AbortSignal, what: string): UpbeatError {
  const text = reason instanceof Error ? reason.message : String(reason);
  return new UpbeatError("ENGINE_CLOSED", `${what} was aborted: ${text}`, { reason: text }, { cause: reason });
}

/**
 * Cancel a generation when a signal aborts, and release the signal when the generation is over.
 *
 * @param generation The generation.
 * @param signal The signal; undefined: do nothing.
 */
export function followSignal(generation: Generation, signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  const cancel = () => generation.cancel(isTimeout(signal.reason) ? "deadline" : "user");
  if (signal.aborted) return cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const release = () => signal.removeEventListener("abort", cancel);
  generation.result.then(release, release);
}

/** Whether a signal aborted as `AbortSignal.timeout()` does. */
function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === "TimeoutError";
}
