/**
 * Decodes token ids to text, one token at a time.
 *
 * The deltas concatenate to what decoding all ids at once returns, except for invalid bytes in a run of byte-fallback
 * tokens: see `byte_run.ts`. Each delta is returned as soon as no later token can change it, and never ends inside a
 * character: only incomplete UTF-8 characters are buffered.
 *
 * @module
 */
import { ByteRun } from "./byte_run.ts";
import { TOKEN_BYTE, TOKEN_EXISTS, TOKEN_SKIPPED, type TokenTable } from "../tokenizer/token_table.ts";
import { Utf8Stream } from "./utf8_stream.ts";

/** Options of {@linkcode StreamingDetokenizer}. */
export interface DetokenizerOptions {
  /** Omit special tokens (default false). */
  readonly skipSpecialTokens?: boolean;
  /**
   * The ids that the text continues. They produce no text, but decide how the first generated tokens decode: after
   * "Once", the token `▁upon` is " upon"; at the start of a text it is "upon". Only the first and last few ids are read.
   */
  readonly prompt?: readonly number[];
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Incremental decoder of one token sequence.
 *
 * @example
 * ```ts
 * const detokenizer = new StreamingDetokenizer(tokenizer.tokenTable, { skipSpecialTokens: true, prompt: promptIds });
 * for (const id of generatedIds) write(detokenizer.push(id));
 * write(detokenizer.flush());
 * ```
 */
export class StreamingDetokenizer {
  readonly #table: TokenTable;
  /** Flags of tokens that are omitted. */
  readonly #omitted: number;
  readonly #utf8 = new Utf8Stream();
  readonly #run = new ByteRun();
  /** Whether no token has been decoded yet. */
  #first = true;
  /** How many characters may still be stripped from the start of the text. */
  #strip: number;

  /**
   * @param table The tokenizer's tokens.
   * @param options See {@linkcode DetokenizerOptions}.
   */
  constructor(table: TokenTable, options: DetokenizerOptions = {}) {
    this.#table = table;
    this.#omitted = options.skipSpecialTokens === true ? TOKEN_SKIPPED : 0;
    this.#strip = table.shared.stripStart?.count ?? 0;
    if (options.prompt !== undefined) this.#prime(options.prompt);
  }

  /**
   * Add a token.
   *
   * @param id Token id; one that does not exist, or is omitted, adds no text.
   * @returns The text that no later token can change.
   */
  push(id: number): string {
    const flags = this.#table.flagsOf(id);
    if ((flags & TOKEN_EXISTS) === 0 || (flags & this.#omitted) !== 0) return "";
    const bytes = this.#table.bytesOf(id);
    if (this.#table.kind === "byte_level") {
      this.#first = false;
      return this.#emit(this.#utf8.push(bytes));
    }
    if ((flags & TOKEN_BYTE) !== 0) {
      this.#first = false;
      return this.#emit(this.#run.push(bytes[0] as number));
    }
    return this.#emit(this.#run.end()) + this.#emit(this.#textOf(bytes));
  }

  /**
   * End the text.
   *
   * @returns An incomplete character as U+FFFD: one, or one for each of its bytes if they are byte-fallback tokens.
   */
  flush(): string {
    return this.#emit(this.#table.kind === "byte_level" ? this.#utf8.flush() : this.#run.end());
  }

  /** The text of a token that decodes independently of its neighbours. */
  #textOf(bytes: Uint8Array): string {
    const { firstTokenMark, separator } = this.#table.shared;
    // Copied, because TextDecoder need not accept shared memory.
    let text = decoder.decode(bytes.slice());
    const mark = this.#first ? "" : " ";
    if (firstTokenMark !== null) text = text.replaceAll(firstTokenMark, () => mark);
    if (!this.#first) text = separator + text;
    this.#first = false;
    return text;
  }

  /** Strips the characters that the decoder removes from the start of the whole text. */
  #emit(text: string): string {
    if (this.#strip === 0 || text === "") return text;
    const char = this.#table.shared.stripStart?.char ?? "";
    let start = 0;
    while (this.#strip > 0 && text.startsWith(char, start)) {
      start += char.length;
      this.#strip--;
    }
    if (start < text.length) this.#strip = 0;
    return text.slice(start);
  }

  /** Decodes just enough of the prompt to determine how the tokens after it decode. */
  #prime(prompt: readonly number[]): void {
    // From the start, until a token was decoded and nothing more can be stripped.
    let at = 0;
    while (at < prompt.length && (this.#first || this.#strip > 0)) this.push(prompt[at++] as number);
    // From the end, back to where an incomplete character can have begun.
    let tail = prompt.length;
    for (let bytes = 0; tail > at && bytes < 3 && this.#continues(prompt[tail - 1] as number); tail--) {
      bytes += this.#lengthOf(prompt[tail - 1] as number);
    }
    if (tail > at) this.flush();
    while (tail < prompt.length) this.push(prompt[tail++] as number);
    this.#utf8.markPromptEnd();
    // Whatever becomes of an incomplete character, the text after it is not at the start.
    if (this.#run.markPromptEnd()) this.#strip = 0;
  }

  /** How many bytes a token adds to the text. */
  #lengthOf(id: number): number {
    return (this.#table.flagsOf(id) & this.#omitted) !== 0 ? 0 : this.#table.bytesOf(id).length;
  }

  /** Whether a character that began before this token may continue in it, or after it. */
  #continues(id: number): boolean {
    if (this.#table.kind === "byte_level") return true;
    const flags = this.#table.flagsOf(id);
    return (flags & TOKEN_BYTE) !== 0 || (flags & TOKEN_EXISTS) === 0 || (flags & this.#omitted) !== 0;
  }
}
