/**
 * How a generation ends: for its result, and for the loops over it.
 *
 * @module
 */
import { messageOf, UpbeatError } from "../../errors.ts";
import type { GenerationResult } from "./generation_result.ts";

/**
 * The error that the result of a generation rejects with after its signal has aborted: `ABORTED`, with the signal's reason
 * as its `cause`, and what was generated until then.
 */
export class AbortedError extends UpbeatError {
  /** The text generated so far. */
  readonly text: string;
  /** The tokens generated so far. */
  readonly tokenIds: readonly number[];

  /**
   * @param reason The signal's reason.
   * @param generated What was generated so far.
   */
  constructor(reason: unknown, { text, tokenIds }: Generated) {
    const message = messageOf(reason);
    super("ABORTED", `the request was aborted: ${message}`, { reason: message }, { cause: reason });
    this.text = text;
    this.tokenIds = tokenIds;
  }
}

/** Text and tokens of a generation. */
export type Generated = Pick<GenerationResult, "text" | "tokenIds">;

/** The outcome of one generation, which settles once. */
export class Outcome {
  /** Its result; a rejection that is not awaited is not unhandled, because loops report it too. */
  readonly result: Promise<GenerationResult>;
  readonly #settle: PromiseWithResolvers<GenerationResult> = Promise.withResolvers();
  #error: UpbeatError | null = null;
  #abort: { readonly reason: unknown } | null = null;

  constructor() {
    this.result = this.#settle.promise;
    this.result.catch(() => {});
  }

  /** Whether its signal aborted before its end. */
  get isAborted(): boolean {
    return this.#abort !== null;
  }

  /** The signal has aborted: whatever the end is, the result rejects, and loops throw the reason. */
  abort(reason: unknown): void {
    this.#abort = { reason };
  }

  /** The end of a generation that did not fail. */
  finish(result: GenerationResult): void {
    if (this.#abort === null) this.#settle.resolve(result);
    else this.#settle.reject(new AbortedError(this.#abort.reason, result));
  }

  /** The end of one that failed. */
  fail(error: UpbeatError, generated: Generated): void {
    this.#error = error;
    this.#settle.reject(this.#abort === null ? error : new AbortedError(this.#abort.reason, generated));
  }

  /** @throws The signal's reason, if it has aborted. */
  throwIfAborted(): void {
    if (this.#abort !== null) throw this.#abort.reason;
  }

  /** @throws The signal's reason, if it has aborted; else the error of a generation that failed. */
  throwIfFailed(): void {
    this.throwIfAborted();
    if (this.#error !== null) throw this.#error;
  }
}
