/**
 * The text of one generation: what its tokens spell, up to the stop string or the end-of-sequence token.
 *
 * @module
 */
import { StreamingDetokenizer } from "./detokenizer.ts";
import { StopStringMatcher } from "./stop_strings.ts";
import type { TokenTable } from "../tokenizer/token_table.ts";

/** What decides where the text begins and ends. */
export interface GeneratedTextOptions {
  /** The prompt, whose end decides how the first token is spaced. */
  readonly promptTokenIds: ArrayLike<number>;
  /** Tokens that end the text and are not part of it. */
  readonly eosTokenIds: readonly number[];
  /** Strings that end the text and are not part of it. */
  readonly stopStrings: readonly string[];
  /** Tokens at most: the last one brings out what is held back. */
  readonly maxTokens: number;
}

/** Tokens to text, each piece as soon as it is certain and cannot turn out to be part of a stop string. */
export class GeneratedText {
  readonly #detokenizer: StreamingDetokenizer;
  readonly #stops: StopStringMatcher;
  readonly #eosTokenIds: readonly number[];
  #tokensLeft: number;
  #isComplete = false;

  /**
   * @param table What tokens decode to.
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
   * @param table What tokens decode to.
   * @param tokenIds The generated tokens.
   * @param options See {@linkcode GeneratedTextOptions}.
   * @returns The same as all pieces joined.
   */
  static of(table: TokenTable, tokenIds: readonly number[], options: GeneratedTextOptions): string {
    const text = new GeneratedText(table, options);
    return tokenIds.map((tokenId) => text.push(tokenId)).join("") + text.end();
  }

  /**
   * Add a token.
   *
   * @param tokenId The token.
   * @returns The text that is now certain.
   */
  push(tokenId: number): string {
    if (this.#isComplete) return "";
    const isEos = this.#eosTokenIds.includes(tokenId);
    const { text, matched } = this.#stops.push(isEos ? "" : this.#detokenizer.push(tokenId));
    if (matched !== null) this.#isComplete = true;
    return isEos || --this.#tokensLeft <= 0 ? text + this.end() : text;
  }

  /**
   * End the text, wherever it is.
   *
   * @returns What was held back.
   */
  end(): string {
    if (this.#isComplete) return "";
    this.#isComplete = true;
    const { text, matched } = this.#stops.push(this.#detokenizer.flush());
    return matched === null ? text + this.#stops.flush().text : text;
  }
}
