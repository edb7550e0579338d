/**
 * Errors that end a command early: wrong usage, unusable input, a signal.
 *
 * @module
 */

/** Wrong usage, exit code 2. The message says what is wrong and what would be right. */
export class UsageError extends Error {
  /** @param message One sentence, without a full stop. */
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** A file or standard input cannot be used, exit code 1. The message names it. */
export class InputError extends Error {
  /** @param message One sentence, without a full stop. */
  constructor(message: string) {
    super(message);
    this.name = "InputError";
  }
}

/** A signal ended the run; the exit code is 128 + its number, as in shells. */
export class Interrupted extends Error {
  /** The exit code. */
  readonly exitCode: number;

  /** @param exitCode 130 for Ctrl-C. */
  constructor(exitCode: number) {
    super("interrupted");
    this.name = "Interrupted";
    this.exitCode = exitCode;
  }
}
