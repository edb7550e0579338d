/**
 * Ctrl-C and SIGTERM.
 *
 * @module
 */
import process from "node:process";

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Calls a function at the first signal, so that work ends in an orderly way. A second signal ends the process at once.
 *
 * @example
 * ```ts
 * using interrupt = new Interrupt(() => generation.cancel());
 * await generation.result;
 * process.exit(interrupt.exitCode ?? 0);
 * ```
 */
export class Interrupt implements Disposable {
  /** The exit code of the signal received; null before. */
  exitCode: number | null = null;
  readonly #onSignal: () => void;
  readonly #listeners: Record<keyof typeof EXIT_CODES, () => void>;

  /** @param onSignal Called at the first signal. */
  constructor(onSignal: () => void) {
    this.#onSignal = onSignal;
    this.#listeners = { SIGINT: () => this.#receive("SIGINT"), SIGTERM: () => this.#receive("SIGTERM") };
    for (const [signal, listener] of Object.entries(this.#listeners)) process.on(signal, listener);
  }

  #receive(signal: keyof typeof EXIT_CODES): void {
    if (this.exitCode !== null) process.exit(EXIT_CODES[signal]);
    this.exitCode = EXIT_CODES[signal];
    this.#onSignal();
  }

  /** Restore the usual effect of signals. */
  [Symbol.dispose](): void {
    for (const [signal, listener] of Object.entries(this.#listeners)) process.off(signal, listener);
  }
}
