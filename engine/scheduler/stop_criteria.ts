/**
 * When a generation is over, decided token by token.
 *
 * @module
 */
import { StreamingDetokenizer } from "../text/streaming/detokenizer.ts";
import { StopStringMatcher } from "../text/streaming/stop_strings.ts";
import type { TokenTable } from "../text/tokenizer/token_table.ts";

/** What ends a generation besides its length. */
export interface StopOptions {
  /** Tokens that end it; empty when they are to be ignored. */
  readonly eosTokenIds: readonly number[];
  /** Strings that end it, wherever they begin or end within tokens. */
  readonly stopStrings: readonly string[];
}

/**
 * The end of one generation: end-of-sequence tokens, and stop strings in the decoded text. Text is decoded here only when
 * there are stop strings to look for.
 */
export class StopCriteria {
  readonly #eosTokenIds: readonly number[];
  readonly #detokenizer: StreamingDetokenizer | null = null;
  readonly #matcher: StopStringMatcher | null = null;

  /**
   * @param options What ends the generation.
   * @param table The tokens' text; needed only where there are stop strings.
   * @param promptTokenIds The prompt, whose end decides how the first token is spaced.
   */
  constructor(options: StopOptions, table: TokenTable | null, promptTokenIds: ArrayLike<number>) {
    this.#eosTokenIds = options.eosTokenIds;
    if (options.stopStrings.length > 0 && table !== null) {
      this.#detokenizer = new StreamingDetokenizer(table, {
        skipSpecialTokens: true,
        prompt: Array.from(promptTokenIds),
      });
      this.#matcher = new StopStringMatcher([...options.stopStrings]);
    }
  }

  /**
   * Take the next token.
   *
   * @param tokenId The token.
   * @returns The token or string that ends the generation here, or null when it goes on.
   */
  push(tokenId: number): number | string | null {
    if (this.#eosTokenIds.includes(tokenId)) return tokenId;
    if (this.#detokenizer === null || this.#matcher === null) return null;
    return this.#matcher.push(this.#detokenizer.push(tokenId)).matched;
  }
}
