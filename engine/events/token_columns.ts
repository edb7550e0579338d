/**
 * A request's life so far: tokens in columns, from which an event is made when one is read, and all else as events.
 *
 * @module
 */
import type { Tracking } from "../config/tracking.ts";
import type { EventOf, GeneratedToken, RequestEvent, StepLogprobs } from "./event_types.ts";
import type { StepUsage } from "./executor_event.ts";

/** A place between events: how many tokens and how many other events come before it. */
export interface ColumnCursor {
  tokens: number;
  events: number;
}

/** Tokens and events of one request. */
export class TokenColumns {
  /** Generated tokens. */
  readonly tokenIds: number[] = [];
  /** When each was known to the host, in milliseconds on the engine's clock. */
  readonly tokenTimes: number[] = [];
  /** The text that became certain with each. */
  readonly texts: string[] = [];
  /** One per token where the request asks for them; else empty. */
  readonly logprobs: StepLogprobs[] = [];

  readonly #requestId: number;
  readonly #tracking: Tracking;
  /** When each was handed over; one per token where tokens are recorded, else empty. */
  readonly #emittedTimes: number[] = [];
  /** How the KV cache stood at each; likewise. */
  readonly #usages: (StepUsage | null)[] = [];
  readonly #events: RequestEvent[] = [];
  /** How many tokens come before each event. */
  readonly #positions: number[] = [];

  /**
   * @param requestId The request.
   * @param tracking What its record keeps.
   */
  constructor(requestId: number, tracking: Tracking) {
    this.#requestId = requestId;
    this.#tracking = tracking;
  }

  /** The place after all that was added. */
  get end(): ColumnCursor {
    return { tokens: this.tokenIds.length, events: this.#events.length };
  }

  /** Add anything but a token. */
  addEvent(event: RequestEvent): void {
    this.#events.push(event);
    this.#positions.push(this.tokenIds.length);
  }

  /**
   * Add a token, of which every part was checked. Whether there are log-probabilities is the same for all of a request's
   * tokens.
   *
   * @param tokenId The token.
   * @param time When it was known to the host, in milliseconds: not before what was added last.
   * @param text The text that became certain with it.
   * @param logprobs null where the request does not ask for them.
   * @param usage How the KV cache stood, where that is known.
   * @param emittedAt When it was handed over, in milliseconds.
   */
  addToken(
    tokenId: number,
    time: number,
    text: string,
    logprobs: StepLogprobs | null,
    usage: StepUsage | null,
    emittedAt: number,
  ): void {
    this.tokenIds.push(tokenId);
    this.tokenTimes.push(time);
    this.texts.push(text);
    if (logprobs !== null) this.logprobs.push(logprobs);
    if (!this.#tracking.generatedTokens) return;
    this.#emittedTimes.push(emittedAt);
    this.#usages.push(usage);
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
    const emittedAt = this.#emittedTimes[index];
    if (emittedAt !== undefined) payload = { ...payload, emittedAt, ...this.#usages[index] };
    return { requestId: this.#requestId, type: "GENERATED_TOKEN", timestamp: this.tokenTimes[index]!, payload };
  }

  /**
   * The next event for a reader.
   *
   * @param cursor Where the reader is; moved on.
   * @returns The event, or null when there is none yet.
   */
  next(cursor: ColumnCursor): RequestEvent | null {
    const event = this.#events[cursor.events];
    if (event !== undefined && this.#positions[cursor.events]! <= cursor.tokens) {
      cursor.events++;
      return event;
    }
    return cursor.tokens < this.tokenIds.length ? this.tokenEvent(cursor.tokens++) : null;
  }

  /**
   * The events of a range that the request's record keeps.
   *
   * @param start The range's first place.
   * @param end Its last place.
   * @returns New objects for tokens, where they are recorded.
   */
  recorded(start: ColumnCursor, end: ColumnCursor): RequestEvent[] {
    const { generatedTokens, pauses } = this.#tracking;
    const kept: RequestEvent[] = [];
    let { tokens } = start;
    const keepTokens = (until: number) => {
      for (; tokens < until; tokens++) if (generatedTokens) kept.push(this.tokenEvent(tokens));
    };
    for (let index = start.events; index < end.events; index++) {
      keepTokens(this.#positions[index]!);
      const event = this.#events[index]!;
      if (pauses || (event.type !== "PAUSE" && event.type !== "RESUME")) kept.push(event);
    }
    keepTokens(end.tokens);
    return kept;
  }
}
