/**
 * Everything that happened to a request, in order, for whoever iterates it: tokens in columns, from which an event is
 * made when somebody asks for it, and all else as events.
 *
 * @module
 */
import type { EventOf, GeneratedToken, RequestEvent } from "../events/events.ts";
import type { StepUsage } from "../events/moment.ts";
import type { StepLogprobs } from "../events/request_record.ts";

/** What only requests have that record their tokens. */
export interface TokenDetails extends Partial<StepUsage> {
  /** When the token was handed over, in milliseconds on the engine's clock. */
  readonly emittedAt: number;
}

/** How far a reader is: tokens and other events that it has seen. */
export interface TimelineCursor {
  tokens: number;
  events: number;
}

/** A request's life so far. */
export class TokenColumns {
  /** Generated tokens. */
  readonly tokenIds: number[] = [];
  /** When each was known to the host, in milliseconds on the engine's clock. */
  readonly tokenTimes: number[] = [];
  /** The text that became certain with each. */
  readonly texts: string[] = [];
  /** One per token where they were asked for; else empty. */
  readonly logprobs: StepLogprobs[] = [];

  readonly #requestId: number;
  /** One per token where tokens are recorded; else empty. */
  readonly #details: TokenDetails[] = [];
  readonly #events: RequestEvent[] = [];
  /** How many tokens stand before each event. */
  readonly #positions: number[] = [];

  /** @param requestId The request. */
  constructor(requestId: number) {
    this.#requestId = requestId;
  }

  /** Add anything but a token. */
  addEvent(event: RequestEvent): void {
    this.#events.push(event);
    this.#positions.push(this.tokenIds.length);
  }

  /**
   * Add a token, of which every part was checked. Whether it has log-probabilities and details is the same for all of a
   * request's tokens.
   */
  addToken(
    tokenId: number,
    time: number,
    text: string,
    logprobs: StepLogprobs | null,
    details: TokenDetails | null,
  ): void {
    this.tokenIds.push(tokenId);
    this.tokenTimes.push(time);
    this.texts.push(text);
    if (logprobs !== null) this.logprobs.push(logprobs);
    if (details !== null) this.#details.push(details);
  }

  /**
   * The event of a token.
   *
   * @param index The token, counted from 0; it must be there.
   * @returns A new event.
   */
  tokenEvent(index: number): EventOf<"GENERATED_TOKEN"> {
    let payload: GeneratedToken = { tokenId: this.tokenIds[index]!, text: this.texts[index]! };
    const logprobs = this.logprobs[index];
    if (logprobs !== undefined) payload = { ...payload, logprob: logprobs.logprob, topLogprobs: logprobs.top };
    const details = this.#details[index];
    if (details !== undefined) payload = { ...payload, ...details };
    return { requestId: this.#requestId, type: "GENERATED_TOKEN", timestamp: this.tokenTimes[index]!, payload };
  }

  /**
   * The next event for a reader.
   *
   * @param cursor Where the reader is; moved on.
   * @returns The event, or null when there is none yet.
   */
  next(cursor: TimelineCursor): RequestEvent | null {
    const event = this.#events[cursor.events];
    if (event !== undefined && this.#positions[cursor.events]! <= cursor.tokens) {
      cursor.events++;
      return event;
    }
    return cursor.tokens < this.tokenIds.length ? this.tokenEvent(cursor.tokens++) : null;
  }
}
