/**
 * Decides token by token where a generation ends.
 *
 * @module
 */
import { StreamingDetokenizer } from "../text/streaming/detokenizer.ts";
import { StopStringMatcher } from "../text/streaming/stop_strings.ts";
import type { TokenTable } from "../text/tokenizer/token_table.ts";

/** What ends a generation, apart from its length. */
export interface StopOptions {
  /** Tokens that end it; empty if they are ignored. */
  readonly eosTokenIds: readonly number[];
  /** Strings that end it, wherever they begin or end within tokens. */
  readonly stopStrings: readonly string[];
}

/**
 * Stop criteria of one generation: end-of-sequence tokens, and stop strings in the decoded text. Text is decoded here only
 * if there are stop strings.
 */
export class StopCriteria {
  readonly #eosTokenIds: readonly number[];
  readonly #detokenizer: StreamingDetokenizer | null = null;
  readonly #matcher: StopStringMatcher | null = null;

  /**
   * @param options What ends the generation.
   * @param table Text of the tokens; required only with stop strings.
   * @param promptTokenIds The prompt; its end decides the spacing of the first token.
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
   * Accepts the next token.
   *
   * @param tokenId The token.
   * @returns The token or string that ends the generation; null if it continues.
   */
  push(tokenId: number): number | string | null {
    if (this.#eosTokenIds.includes(tokenId)) return tokenId;
    if (this.#detokenizer === null || this.#matcher === null) return null;
    return this.#matcher.push(this.#detokenizer.push(tokenId)).matched;
  }
}
