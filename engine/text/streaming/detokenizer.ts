/**
 * Token ids to text, one token at a time.
 *
 * The deltas add up to what decoding all ids at once gives, for any ids; each delta comes as soon as it is certain and
 * never ends inside a character. What has to wait: an incomplete UTF-8 character (byte-level vocabularies), and a run
 * of byte-fallback tokens until it ends, because one invalid byte changes what the whole run decodes to.
 *
 * @module
 */
import { ByteRun } from "./byte_run.ts";
import { TOKEN_BYTE, TOKEN_EXISTS, TOKEN_SKIPPED, type TokenTable } from "../tokenizer/token_table.ts";
import { Utf8Stream } from "./utf8_stream.ts";

/** How {@linkcode StreamingDetokenizer} works. */
export interface DetokenizerOptions {
  /** Leave special tokens out (default false). */
  readonly skipSpecialTokens?: boolean;
  /**
   * The ids that the text continues. They write nothing, but decide what the first tokens are: after "Once", the token
   * `▁upon` is " upon"; at the start it is "upon". Looked at are the first tokens and the last ones (all of them only
   * when the prompt is a single run of byte tokens).
   */
  readonly prompt?: readonly number[];
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A streaming detokenizer.
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
  readonly #left: number;
  readonly #utf8 = new Utf8Stream();
  readonly #run = new ByteRun();
  /** Whether no token has been decoded yet. */
  #first = true;
  /** How many characters may still be stripped from the start of the text. */
  #strip: number;

  /**
   * @param table What tokens decode to.
   * @param options See {@linkcode DetokenizerOptions}.
   */
  constructor(table: TokenTable, options: DetokenizerOptions = {}) {
    this.#table = table;
    this.#left = options.skipSpecialTokens === true ? TOKEN_SKIPPED : 0;
    this.#strip = table.shared.stripStart?.count ?? 0;
    if (options.prompt !== undefined) this.#prime(options.prompt);
  }

  /**
   * Add a token.
   *
   * @param id Token id; one that does not exist, or is left out, writes nothing.
   * @returns The text that is now certain.
   */
  push(id: number): string {
    const flags = this.#table.flagsOf(id);
    if ((flags & TOKEN_EXISTS) === 0 || (flags & this.#left) !== 0) return "";
    const bytes = this.#table.bytesOf(id);
    if (this.#table.kind === "byte_level") {
      this.#first = false;
      return this.#emit(this.#utf8.push(bytes));
    }
    if ((flags & TOKEN_BYTE) !== 0) {
      this.#first = false;
      const { before, after } = this.#run.push(bytes[0] as number);
      this.#emit(before);
      return this.#emit(after);
    }
    return this.#endRun() + this.#emit(this.#textOf(bytes));
  }

  /**
   * End the text.
   *
   * @returns What was held back: an incomplete character as U+FFFD, or a run of byte tokens.
   */
  flush(): string {
    return this.#table.kind === "byte_level" ? this.#emit(this.#utf8.flush()) : this.#endRun();
  }

  /** The text of a token that is text of its own. */
  #textOf(bytes: Uint8Array): string {
    const { firstTokenMark, separator } = this.#table.shared;
    // A copy: a decoder need not accept shared memory.
    let text = decoder.decode(bytes.slice());
    const mark = this.#first ? "" : " ";
    if (firstTokenMark !== null) text = text.replaceAll(firstTokenMark, () => mark);
    if (!this.#first) text = separator + text;
    this.#first = false;
    return text;
  }

  #endRun(): string {
    const { before, after } = this.#run.end();
    this.#emit(before);
    return this.#emit(after);
  }

  /** Text on its way out, without what is stripped from the start. */
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

  /** Go through as little of the prompt as decides what follows it. */
  #prime(prompt: readonly number[]): void {
    // From the start, until the first token has been seen and nothing can be stripped any more.
    let at = 0;
    while (at < prompt.length && (this.#first || this.#strip > 0)) this.push(prompt[at++] as number);
    // From the end, back to where a character or a run under way must have begun.
    let tail = prompt.length;
    if (this.#table.kind === "byte_level") {
      for (let bytes = 0; tail > at && bytes < 3;) bytes += this.#lengthOf(prompt[--tail] as number);
    } else if (this.#table.kind === "byte_fallback") {
      while (tail > at && this.#continuesRun(prompt[tail - 1] as number)) tail--;
    }
    if (tail > at) this.flush();
    while (tail < prompt.length) this.push(prompt[tail++] as number);
    this.#utf8.forget();
    this.#run.forget();
  }

  /** Bytes a token adds to the text. */
  #lengthOf(id: number): number {
    return (this.#table.flagsOf(id) & this.#left) !== 0 ? 0 : this.#table.bytesOf(id).length;
  }

  /** Whether a run of byte tokens goes on through this token. */
  #continuesRun(id: number): boolean {
    const flags = this.#table.flagsOf(id);
    return (flags & TOKEN_BYTE) !== 0 || (flags & TOKEN_EXISTS) === 0 || (flags & this.#left) !== 0;
  }
}
