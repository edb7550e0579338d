/**
 * Decides token by token where a generation ends.
 *
 * @module
 */
import { GeneratedText, type GeneratedTextOptions } from "../text/streaming/generated_text.ts";
import type { TokenTable } from "../text/tokenizer/token_table.ts";

/** What ends a generation. */
export type StopOptions = Omit<GeneratedTextOptions, "promptTokenIds">;

/**
 * Stop criteria of one generation: end tokens, and stop strings in the decoded text. Text is decoded here only if there are
 * stop strings.
 */
export class StopCriteria {
  readonly #eosTokenIds: readonly number[];
  readonly #text: GeneratedText | null = null;

  /**
   * @param options What ends the generation.
   * @param table Text of the tokens; required only with stop strings.
   * @param promptTokenIds The prompt; its end decides the spacing of the first token.
   */
  constructor(options: StopOptions, table: TokenTable | null, promptTokenIds: ArrayLike<number>) {
    this.#eosTokenIds = options.eosTokenIds;
    if (options.stopStrings.length > 0 && table !== null) {
      this.#text = new GeneratedText(table, { ...options, promptTokenIds });
    }
  }

  /**
   * Accepts the next token.
   *
   * @param tokenId The token.
   * @returns The token or string that ends the generation; null if it continues, or ends by its length.
   */
  push(tokenId: number): number | string | null {
    if (this.#text === null) return this.#eosTokenIds.includes(tokenId) ? tokenId : null;
    this.#text.push(tokenId);
    return this.#text.stopReason;
  }
}
