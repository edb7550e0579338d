/**
 * Incremental UTF-8 decoding.
 *
 * Invalid input becomes U+FFFD exactly as when everything is decoded at once: one for each maximal subpart of a
 * well-formed sequence (Unicode 15, section 3.9, table 3-7; the WHATWG "UTF-8 decoder"; Rust's `from_utf8_lossy`).
 *
 * @module
 */

/** An incremental UTF-8 decoder. */
export class Utf8Stream {
  #codePoint = 0;
  /** Continuation bytes still missing. */
  #needed = 0;
  /** Bounds of the next continuation byte. */
  #lower = 0x80;
  #upper = 0xbf;
  /** Whether the unfinished sequence began in the prompt: its U+FFFD then belongs to the prompt's text. */
  #isPrompt = false;
  #errors = 0;

  /** Number of invalid parts so far. */
  get errors(): number {
    return this.#errors;
  }

  /** Whether a character is incomplete. */
  get pending(): boolean {
    return this.#needed > 0;
  }

  /**
   * Decode bytes.
   *
   * @param bytes The next bytes.
   * @returns The complete characters, and U+FFFD for bytes that can no longer become one.
   */
  push(bytes: Uint8Array): string {
    let text = "";
    for (let i = 0; i < bytes.length; i++) text += this.pushByte(bytes[i] as number);
    return text;
  }

  /**
   * Decode one byte.
   *
   * @param byte The next byte.
   * @returns Nothing, a character, or U+FFFD, possibly followed by a character.
   */
  pushByte(byte: number): string {
    if (this.#needed === 0) return this.#start(byte);
    if (byte < this.#lower || byte > this.#upper) {
      const replacement = this.flush();
      return replacement + this.#start(byte);
    }
    this.#lower = 0x80;
    this.#upper = 0xbf;
    this.#codePoint = (this.#codePoint << 6) | (byte & 0x3f);
    if (--this.#needed > 0) return "";
    this.#isPrompt = false;
    return String.fromCodePoint(this.#codePoint);
  }

  #start(byte: number): string {
    if (byte < 0x80) return String.fromCharCode(byte);
    if (byte >= 0xc2 && byte <= 0xdf) {
      this.#needed = 1;
      this.#codePoint = byte & 0x1f;
    } else if (byte >= 0xe0 && byte <= 0xef) {
      this.#needed = 2;
      this.#codePoint = byte & 0x0f;
      if (byte === 0xe0) this.#lower = 0xa0;
      if (byte === 0xed) this.#upper = 0x9f;
    } else if (byte >= 0xf0 && byte <= 0xf4) {
      this.#needed = 3;
      this.#codePoint = byte & 0x07;
      if (byte === 0xf0) this.#lower = 0x90;
      if (byte === 0xf4) this.#upper = 0x8f;
    } else {
      this.#errors++;
      return "\uFFFD";
    }
    return "";
  }

  /**
   * End the text.
   *
   * @returns U+FFFD for an incomplete character, unless it began in the prompt.
   */
  flush(): string {
    const text = this.#needed > 0 && !this.#isPrompt ? "\uFFFD" : "";
    if (this.#needed > 0) this.#errors++;
    this.#needed = 0;
    this.#lower = 0x80;
    this.#upper = 0xbf;
    this.#isPrompt = false;
    return text;
  }

  /** Mark an incomplete character as the prompt's: no U+FFFD is returned for it if it turns out invalid. */
  markPromptEnd(): void {
    this.#isPrompt = this.#needed > 0;
  }
}
