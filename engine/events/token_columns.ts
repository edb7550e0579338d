/**
 * The tokens of a request in columns, from which events are created when they are read, and all its other events.
 *
 * @module
 */
import type { Tracking } from "../config/tracking.ts";
import type { EventOf, GeneratedToken, RequestEvent, StepLogprobs } from "./event_types.ts";
import type { StepUsage } from "./executor_event.ts";

/** A position between events: the number of tokens and of other events before it. */
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
  /** One per token where requested; else empty. */
  readonly logprobs: StepLogprobs[] = [];

  readonly #requestId: number;
  readonly #tracking: Tracking;
  /** When the executor sent each; one per token where tokens are recorded, else empty. */
  readonly #emittedTimes: number[] = [];
  /** The usage of the KV cache at each; likewise. */
  readonly #usages: (StepUsage | null)[] = [];
  readonly #events: RequestEvent[] = [];
  /** Number of tokens before each event. */
  readonly #positions: number[] = [];

  /**
   * @param requestId The request.
   * @param tracking What its record keeps.
   */
  constructor(requestId: number, tracking: Tracking) {
    this.#requestId = requestId;
    this.#tracking = tracking;
  }

  /** The position after everything that was added. */
  get end(): ColumnCursor {
    return { tokens: this.tokenIds.length, events: this.#events.length };
  }

  /** Add anything but a token. */
  addEvent(event: RequestEvent): void {
    this.#events.push(event);
    this.#positions.push(this.tokenIds.length);
  }

  /**
   * Add a token. All tokens of a request have log-probabilities, or none has.
   *
   * @param tokenId The token.
   * @param time When it was known to the host, in milliseconds; not before the last event.
   * @param emittedAt When the executor sent it, in milliseconds.
   * @param text The text that became certain with it.
   * @param logprobs null unless requested.
   * @param usage The usage of the KV cache, where known.
   */
  addToken(
    tokenId: number,
    time: number,
    emittedAt: number,
    text: string,
    logprobs: StepLogprobs | null,
    usage: StepUsage | null,
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
   * @param index The token, counted from 0; it must exist.
   * @returns A new event.
   */
  tokenEvent(index: number): EventOf<"GENERATED_TOKEN"> {
    const payload: Writable<GeneratedToken> = { tokenId: this.tokenIds[index]!, text: this.texts[index]! };
    const logprobs = this.logprobs[index];
    if (logprobs !== undefined) {
      payload.logprob = logprobs.logprob;
      payload.topLogprobs = logprobs.top;
    }
    const emittedAt = this.#emittedTimes[index];
    if (emittedAt !== undefined) {
      payload.emittedAt = emittedAt;
      Object.assign(payload, this.#usages[index]);
    }
    return { requestId: this.#requestId, type: "GENERATED_TOKEN", timestamp: this.tokenTimes[index]!, payload };
  }

  /**
   * The next event for a reader.
   *
   * @param cursor The reader's position; advanced.
   * @returns The event; null at the end.
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
   * Adds the next events that the request's record keeps to a list.
   *
   * @param cursor The reader's position; advanced.
   * @param end The position to stop at.
   * @param kept The list; token events are new objects.
   */
  readKept(cursor: ColumnCursor, end: ColumnCursor, kept: RequestEvent[]): void {
    const { generatedTokens, pauses } = this.#tracking;
    const readTokens = (until: number) => {
      for (; cursor.tokens < until; cursor.tokens++) if (generatedTokens) kept.push(this.tokenEvent(cursor.tokens));
    };
    for (; cursor.events < end.events; cursor.events++) {
      readTokens(this.#positions[cursor.events]!);
      const event = this.#events[cursor.events]!;
      if (pauses || (event.type !== "PAUSE" && event.type !== "RESUME")) kept.push(event);
    }
    readTokens(end.tokens);
  }
}

type Writable<Type> = { -readonly [Field in keyof Type]: Type[Field] };
