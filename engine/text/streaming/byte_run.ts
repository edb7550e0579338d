/**
 * A run of byte-fallback tokens.
 *
 * Each character is returned with its last byte, and each byte that cannot belong to one as U+FFFD. The reference decodes a
 * run as a whole instead: one U+FFFD for *every* byte if any of them is invalid. Its text is therefore unknown until the run
 * ends, and a character that is cut off at the end destroys all before it. A run that is valid UTF-8, or has no valid
 * character, decodes to the same text here.
 *
 * @module
 */
import { Utf8Stream } from "./utf8_stream.ts";

const REPLACEMENT = "\uFFFD";

/** Decodes runs of byte-fallback tokens, one run at a time. */
export class ByteRun {
  readonly #stream = new Utf8Stream();
  /** Bytes of the incomplete character that do not belong to the prompt. */
  #pending = 0;

  /**
   * Add a byte.
   *
   * @param byte The byte.
   * @returns Nothing while its character is incomplete; the character; or U+FFFD for each byte that turned out invalid.
   */
  push(byte: number): string {
    const { errors, pending } = this.#stream;
    const text = this.#stream.pushByte(byte);
    const generated = this.#pending;
    if (this.#stream.errors === errors) {
      this.#pending = this.#stream.pending ? generated + 1 : 0;
      return text;
    }
    // The incomplete character is invalid; the new byte is a character, the start of one, or invalid itself.
    this.#pending = this.#stream.pending ? 1 : 0;
    const own = this.#stream.pending
      ? ""
      : this.#stream.errors - errors > (pending ? 1 : 0)
      ? REPLACEMENT
      : text.at(-1)!;
    return REPLACEMENT.repeat(generated) + own;
  }

  /**
   * End the run.
   *
   * @returns U+FFFD for each byte of an incomplete character.
   */
  end(): string {
    const text = REPLACEMENT.repeat(this.#pending);
    this.#stream.flush();
    this.#pending = 0;
    return text;
  }

  /**
   * Mark the bytes so far as the prompt's: no U+FFFD is returned for them.
   *
   * @returns Whether the prompt ends with an incomplete character.
   */
  markPromptEnd(): boolean {
    this.#pending = 0;
    return this.#stream.pending;
  }
}
