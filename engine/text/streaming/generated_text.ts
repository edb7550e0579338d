/**
 * The text of one generation, up to its stop string or end-of-sequence token.
 *
 * @module
 */
import { StreamingDetokenizer } from "./detokenizer.ts";
import { StopStringMatcher } from "./stop_strings.ts";
import type { TokenTable } from "../tokenizer/token_table.ts";

/** Options of {@linkcode GeneratedText}. */
export interface GeneratedTextOptions {
  /** The prompt; its end decides whether the first token starts with a space. */
  readonly promptTokenIds: ArrayLike<number>;
  /** Tokens that end the text and are not part of it. */
  readonly eosTokenIds: readonly number[];
  /** Strings that end the text and are not part of it. */
  readonly stopStrings: readonly string[];
  /** Maximum number of tokens; the last one flushes the buffered text. */
  readonly maxTokens: number;
}

/** Decodes tokens to text; each piece is returned once it can neither change nor become part of a stop string. */
export class GeneratedText {
  readonly #detokenizer: StreamingDetokenizer;
  readonly #stops: StopStringMatcher;
  readonly #eosTokenIds: readonly number[];
  #tokensLeft: number;
  #isComplete = false;

  /**
   * @param table The tokenizer's tokens.
   * @param options See {@linkcode GeneratedTextOptions}.
   */
  constructor(table: TokenTable, options: GeneratedTextOptions) {
    const prompt = Array.from(options.promptTokenIds);
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

  /**
   * Add a token.
   *
   * @param tokenId The token.
   * @returns The text that is now final.
   */
  push(tokenId: number): string {
    if (this.#isComplete) return "";
    const isEos = this.#eosTokenIds.includes(tokenId);
    const { text, matched } = this.#stops.push(isEos ? "" : this.#detokenizer.push(tokenId));
    if (matched !== null) this.#isComplete = true;
    return isEos || --this.#tokensLeft <= 0 ? text + this.end() : text;
  }

  /**
   * End the text.
   *
   * @returns The buffered text.
   */
  end(): string {
    if (this.#isComplete) return "";
    this.#isComplete = true;
    const { text, matched } = this.#stops.push(this.#detokenizer.flush());
    return matched === null ? text + this.#stops.flush().text : text;
  }
}
