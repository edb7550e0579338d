/**
 * The events of all requests of an engine, for any number of consumers, each at its own pace.
 *
 * @module
 */
import type { RequestEvent } from "../events/event_types.ts";
import type { EventTap } from "./generation_setup.ts";
import { EVENT_STREAM_OPTIONS, type EventStreamOptions } from "../config/engine_options.ts";
import { resolveOptions } from "../config/option.ts";

/**
 * One consumer's view of the events of all requests, in time order, from the call of `engine.events()` on.
 *
 * It buffers a bounded number of unread events. When the buffer is full, each further event replaces the oldest one:
 * the engine never waits for a consumer, and a slow consumer loses old events, not new ones. {@linkcode
 * EventStream.dropped} counts them.
 *
 * It ends with the engine, after the unread events. Leaving the loop, or the end of a `using` scope, ends it earlier. A
 * stream that waits for events does not keep the process alive.
 */
export class EventStream implements AsyncIterableIterator<RequestEvent, void, undefined>, Disposable {
  /** A ring of unread events; it grows up to the capacity. */
  readonly #ring: (RequestEvent | null)[] = [];
  readonly #capacity: number;
  readonly #since: number;
  readonly #onClose: (stream: EventStream) => void;
  #first = 0;
  #length = 0;
  #dropped = 0;
  #isClosed = false;
  /** Resolves with the next event; null when nothing waits for it. */
  #wake: PromiseWithResolvers<void> | null = null;

  /** @internal Made by `Engine.events`. */
  constructor(capacity: number, since: number, onClose: (stream: EventStream) => void) {
    this.#capacity = capacity;
    this.#since = since;
    this.#onClose = onClose;
  }

  /** Events dropped so far because this stream was read too slowly. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Unread events. */
  get buffered(): number {
    return this.#length;
  }

  /**
   * The next event.
   *
   * @returns The event as soon as there is one, or done.
   */
  async next(): Promise<IteratorResult<RequestEvent, void>> {
    while (this.#length === 0 && !this.#isClosed) {
      this.#wake ??= Promise.withResolvers<void>();
      await this.#wake.promise;
    }
    if (this.#length === 0) return { done: true, value: undefined };
    const event = this.#ring[this.#first]!;
    this.#ring[this.#first] = null;
    this.#first = (this.#first + 1) % this.#capacity;
    this.#length--;
    return { done: false, value: event };
  }

  /** End the stream and drop its unread events. A loop that is left early calls this. */
  return(): Promise<IteratorResult<RequestEvent, void>> {
    this.#length = 0;
    this.#ring.length = 0;
    this.#first = 0;
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Ends the stream, at the end of a `using` scope. */
  [Symbol.dispose](): void {
    void this.return();
  }

  /** The stream itself: it is read once. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @internal Add events in time order; those from before this stream are skipped. */
  push(events: readonly RequestEvent[]): void {
    for (const event of events) if (event.timestamp >= this.#since) this.#add(event);
    this.#notify();
  }

  /** @internal Take no more events; unread ones can still be read. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose(this);
    this.#notify();
  }

  #add(event: RequestEvent): void {
    if (this.#length === this.#capacity) {
      this.#first = (this.#first + 1) % this.#capacity;
      this.#dropped++;
    } else {
      this.#length++;
    }
    this.#ring[(this.#first + this.#length - 1) % this.#capacity] = event;
  }

  #notify(): void {
    this.#wake?.resolve();
    this.#wake = null;
  }
}

/**
 * Brings the events of all requests to all streams in time order.
 *
 * Events reach this side out of order: an event of this side, such as the arrival of a request, is known before what
 * the executor did at the same time and sends later. So events wait here, and are released once no earlier event can
 * still arrive. Without a stream there is no listener, and no event is made for it.
 */
export class EventHub implements EventTap {
  listener: ((event: RequestEvent) => void) | null = null;
  readonly #streams = new Set<EventStream>();
  #waiting: RequestEvent[] = [];
  /** Of closed streams. */
  #dropped = 0;
  #isClosed = false;

  /** Open streams. */
  get consumers(): number {
    return this.#streams.size;
  }

  /** Events dropped by all streams, closed ones included. */
  get dropped(): number {
    let dropped = this.#dropped;
    for (const stream of this.#streams) dropped += stream.dropped;
    return dropped;
  }

  /**
   * Open a stream.
   *
   * @param options Its capacity.
   * @param since The current time: earlier events are skipped.
   * @returns The stream, which has ended where the hub is closed.
   * @throws {UpbeatError} `INVALID_PARAMETER` unless the capacity is an integer >= 1.
   */
  open(options: EventStreamOptions, since: number): EventStream {
    const { capacity } = resolveOptions(EVENT_STREAM_OPTIONS, options);
    const stream = new EventStream(capacity, since, (closed) => this.#leave(closed));
    this.#streams.add(stream);
    if (this.#isClosed) stream.close();
    else this.listener = (event) => this.#waiting.push(event);
    return stream;
  }

  /**
   * Release events to the streams.
   *
   * @param time No event from before this time can still arrive.
   */
  release(time: number): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting.sort((a, b) => a.timestamp - b.timestamp);
    let count = 0;
    while (count < waiting.length && waiting[count]!.timestamp <= time) count++;
    if (count === 0) return;
    this.#waiting = waiting.slice(count);
    const events = waiting.slice(0, count);
    for (const stream of this.#streams) stream.push(events);
  }

  /** Release everything and end all streams. */
  close(): void {
    this.release(Infinity);
    this.#isClosed = true;
    for (const stream of this.#streams) stream.close();
  }

  #leave(stream: EventStream): void {
    this.#streams.delete(stream);
    this.#dropped += stream.dropped;
    if (this.#streams.size > 0) return;
    this.listener = null;
    this.#waiting = [];
  }
}
