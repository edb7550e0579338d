/**
 * The text of one generation, and what ends it: a stop string or an end token. The executor decides with it where a generation
 * ends, and the caller's side what its text is, so that the two agree.
 *
 * @module
 */
import { StreamingDetokenizer } from "./detokenizer.ts";
import { type StopMatch, StopStringMatcher } from "./stop_strings.ts";
import { TOKEN_SKIPPED, type TokenTable } from "../tokenizer/token_table.ts";

/** Options of {@linkcode GeneratedText}. */
export interface GeneratedTextOptions {
  /** The prompt; its end decides whether the first token starts with a space. */
  readonly promptTokenIds: ArrayLike<number>;
  /** Tokens that end the text and are not part of it. */
  readonly eosTokenIds: readonly number[];
  /** Strings that end the text and are not part of it; the text of special tokens counts. */
  readonly stopStrings: readonly string[];
  /** Maximum number of tokens; the last one flushes the buffered text. */
  readonly maxTokens: number;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Decodes tokens to text; each piece is returned once it can neither change nor become part of a stop string. */
export class GeneratedText {
  readonly #table: TokenTable;
  readonly #detokenizer: StreamingDetokenizer;
  readonly #stops: StopStringMatcher;
  readonly #eosTokenIds: readonly number[];
  #tokensLeft: number;
  #isComplete = false;
  #stopReason: number | string | null = null;

  /**
   * @param table The tokenizer's tokens.
   * @param options See {@linkcode GeneratedTextOptions}.
   */
  constructor(table: TokenTable, options: GeneratedTextOptions) {
    const prompt = Array.from(options.promptTokenIds);
    this.#table = table;
    this.#detokenizer = new StreamingDetokenizer(table, { skipSpecialTokens: true, prompt });
    this.#stops = new StopStringMatcher(options.stopStrings);
    this.#eosTokenIds = options.eosTokenIds;
    this.#tokensLeft = options.maxTokens;
  }

  /**
   * All of a generation's text at once.
   *
   * @param table The tokenizer's tokens.
   * @param tokenIds The generated tokens.
   * @param options See {@linkcode GeneratedTextOptions}.
   * @returns The concatenation of all pieces.
   */
  static of(table: TokenTable, tokenIds: readonly number[], options: GeneratedTextOptions): string {
    const text = new GeneratedText(table, options);
    return tokenIds.map((tokenId) => text.push(tokenId)).join("") + text.end();
  }

  /** The end token or stop string that ended the text; null if none has. */
  get stopReason(): number | string | null {
    return this.#stopReason;
  }

  /**
   * Add a token.
   *
   * @param tokenId The token.
   * @returns The text that is now final.
   */
  push(tokenId: number): string {
    if (this.#isComplete) return "";
    if (this.#eosTokenIds.includes(tokenId)) {
      const text = this.end();
      this.#stopReason = tokenId;
      return text;
    }
    const isSkipped = (this.#table.flagsOf(tokenId) & TOKEN_SKIPPED) !== 0;
    const text = this.#take(
      isSkipped
        ? this.#stops.pushHidden(decoder.decode(this.#table.bytesOf(tokenId).slice()))
        : this.#stops.push(this.#detokenizer.push(tokenId)),
    );
    return --this.#tokensLeft <= 0 ? text + this.end() : text;
  }

  /**
   * End the text.
   *
   * @returns The buffered text.
   */
  end(): string {
    if (this.#isComplete) return "";
    const text = this.#take(this.#stops.push(this.#detokenizer.flush()));
    if (this.#isComplete) return text;
    this.#isComplete = true;
    return text + this.#stops.flush().text;
  }

  #take({ text, matched }: StopMatch): string {
    if (matched !== null) {
      this.#isComplete = true;
      this.#stopReason = matched;
    }
    return text;
  }
}
