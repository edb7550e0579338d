/**
 * A run of byte-fallback tokens.
 *
 * The reference decodes the run as a whole: to its text when all of it is valid UTF-8, otherwise to one U+FFFD for each
 * byte. So nothing of a run is certain before it ends, unless it is already beyond repair.
 *
 * @module
 */
import { Utf8Stream } from "./utf8_stream.ts";

/** Text of a run, in the two parts a prompt and what follows it have. */
export interface RunText {
  /** What the bytes before {@linkcode ByteRun.forget} stand for. */
  readonly before: string;
  /** What the rest stands for. */
  readonly after: string;
}

const NOTHING: RunText = { before: "", after: "" };

/** One run at a time. */
export class ByteRun {
  readonly #stream = new Utf8Stream();
  #length = 0;
  #valid = true;
  /** Text of the complete characters so far. */
  #text = "";
  /** Bytes, and text, that belong to the prompt. */
  #forgottenLength = 0;
  #forgottenText = 0;

  /**
   * Add a byte.
   *
   * @param byte The byte.
   * @returns U+FFFD once the run cannot become valid any more, for all bytes that have not been written yet.
   */
  push(byte: number): RunText {
    this.#length++;
    if (!this.#valid) return { before: "", after: "\uFFFD" };
    const errors = this.#stream.errors;
    const text = this.#stream.pushByte(byte);
    if (this.#stream.errors === errors) {
      this.#text += text;
      return NOTHING;
    }
    this.#valid = false;
    return this.#replacements();
  }

  #replacements(): RunText {
    return {
      before: "\uFFFD".repeat(this.#forgottenLength),
      after: "\uFFFD".repeat(this.#length - this.#forgottenLength),
    };
  }

  /**
   * End the run.
   *
   * @returns Its text that has not been written yet.
   */
  end(): RunText {
    let result = NOTHING;
    if (this.#length > 0 && this.#valid) {
      result = this.#stream.pending
        ? this.#replacements()
        : { before: this.#text.slice(0, this.#forgottenText), after: this.#text.slice(this.#forgottenText) };
    }
    this.#stream.flush();
    this.#length = 0;
    this.#valid = true;
    this.#text = "";
    this.#forgottenLength = 0;
    this.#forgottenText = 0;
    return result;
  }

  /** Say that the bytes so far belong to text written elsewhere. */
  forget(): void {
    this.#forgottenLength = this.#length;
    this.#forgottenText = this.#text.length;
  }
}
