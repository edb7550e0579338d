/**
 * Where the chunks of a generation end.
 *
 * @module
 */
import type { FinishReason } from "../events/finish_reason.ts";

/**
 * Chunks end at the first token, at each multiple of the stream interval, and at the generation's end: the number of tokens
 * decides, and not when they come. The token that ends a generation is in its last chunk; a cancel, which comes between
 * tokens, has a chunk of its own when it comes between chunks.
 */
export class ChunkEnds {
  /** How many tokens there are at the end of each chunk that is complete. */
  readonly ends: number[] = [];
  readonly #interval: number;
  #tokens = 0;
  /** Whether the last token ends a chunk, unless it is the last one of all and the generation's end is in that chunk too. */
  #isAtEnd = false;

  /** @param interval Tokens per chunk, after the first one. */
  constructor(interval: number) {
    this.#interval = interval;
  }

  /** A token came. */
  addToken(): void {
    this.settle();
    this.#tokens++;
    this.#isAtEnd = this.#tokens === 1 || this.#tokens % this.#interval === 0;
  }

  /** What came at once is complete: if the generation were over with its last token, that would have come too. */
  settle(): void {
    if (this.#isAtEnd) this.ends.push(this.#tokens);
    this.#isAtEnd = false;
  }

  /** The generation has failed: what came is a chunk like any other. */
  fail(): void {
    this.#isAtEnd = false;
    if (this.#tokens > (this.ends.at(-1) ?? 0)) this.ends.push(this.#tokens);
  }

  /** The generation is over. */
  end(reason: FinishReason): void {
    if (reason === "cancelled") this.settle();
    this.#isAtEnd = false;
    this.ends.push(this.#tokens);
  }
}
