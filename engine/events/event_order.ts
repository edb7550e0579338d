/**
 * The order of a request's events.
 *
 * ```
 * record    := ADD_ENGINE ( admitted | rejected )
 * admitted  := ERROR_TRANSIENT* run ( EVICT run )* FINISH
 * run       := ADD_CONTEXT ( PAUSE* GENERATED_TOKEN )*        cut by EVICT anywhere after ADD_CONTEXT
 * rejected  := ( ERROR_TRANSIENT | ERROR_NONTRANSIENT )+ FAIL also instead of the rest of an admitted one
 * ```
 *
 * A request that is cancelled ends in `FINISH` wherever it is. The detail events stand between these: `PREFILL_CHUNK`
 * only before an `ADD_CONTEXT` and after what ended the run before; `RESUME` in a run, once after a `PAUSE` or several;
 * `CANCEL` anywhere between `ADD_ENGINE` and the end, once. One terminal event, nothing after it, and timestamps that
 * never decrease.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
import { DETAIL_EVENT_TYPES, LIFECYCLE_EVENT_TYPES, type RequestEventType, type StoredEvent } from "./event_types.ts";
import type { FinishReason } from "./finish_reason.ts";

/** Where a request is: before its arrival, waiting for its first or next run, in a run, failing, or over. */
type State = "absent" | "waiting" | "evicted" | "running" | "failing" | "over";

const ALL_TYPES: readonly RequestEventType[] = [...LIFECYCLE_EVENT_TYPES, ...DETAIL_EVENT_TYPES];

/**
 * A state machine for the events of one request, through all of its segments. It keeps no events.
 *
 * @example
 * ```ts
 * const order = new EventOrder();
 * order.accept("ADD_ENGINE", 0);
 * order.accept("GENERATED_TOKEN", 1); // throws: GENERATED_TOKEN cannot follow ADD_ENGINE; expected ERROR_TRANSIENT, …
 * ```
 */
export class EventOrder {
  #state: State = "absent";
  #last: RequestEventType | null = null;
  #lastTime = -Infinity;
  /** A chunk of this run was scheduled. */
  #prefilling = false;
  #refused = false;
  #paused = false;
  /** A pause must be followed by the token that it delayed. */
  #owesToken = false;
  #cancelAsked = false;

  /** Whether the terminal event was accepted. */
  get isOver(): boolean {
    return this.#state === "over";
  }

  /** The time of the last event that has one, in milliseconds; -Infinity before the first. */
  get lastTime(): number {
    return this.#lastTime;
  }

  /**
   * Accept the next event.
   *
   * @param type Its type.
   * @param timestamp Its time in milliseconds; null where it has none.
   * @param finishReason With `FINISH`: why. Only `"cancelled"` is legal outside a run.
   * @throws {UpbeatError} `EVENT_OUT_OF_ORDER`, with the event, its predecessor and the legal ones. The state is
   * unchanged.
   */
  accept(type: RequestEventType, timestamp: number | null, finishReason: FinishReason | null = null): void {
    if (!this.#isLegal(type, finishReason)) throw this.#outOfOrder(type);
    if (timestamp !== null) {
      if (!(timestamp >= this.#lastTime)) {
        throw new UpbeatError(
          "EVENT_OUT_OF_ORDER",
          `${type} at ${timestamp} ms is before ${this.#last} at ${this.#lastTime} ms; times never decrease`,
          { type, timestamp, previous: this.#last, previousTime: this.#lastTime },
        );
      }
      this.#lastTime = timestamp;
    }
    this.#advance(type);
    this.#last = type;
  }

  #isLegal(type: RequestEventType, finishReason: FinishReason | null): boolean {
    const state = this.#state;
    if (state === "absent" || state === "over") return state === "absent" && type === "ADD_ENGINE";
    switch (type) {
      case "ADD_ENGINE":
        return false;
      case "ADD_CONTEXT":
      case "PREFILL_CHUNK":
        return state === "waiting" || state === "evicted";
      case "GENERATED_TOKEN":
      case "PAUSE":
      case "EVICT":
        return state === "running";
      case "RESUME":
        return state === "running" && this.#paused;
      case "FINISH":
        if (finishReason === "cancelled") return state !== "failing";
        return state === "running" && !this.#owesToken;
      case "CANCEL":
        return state !== "failing" && !this.#cancelAsked;
      case "ERROR_TRANSIENT":
      case "ERROR_NONTRANSIENT":
        return true;
      case "FAIL":
        return state === "failing" || (state === "waiting" && this.#refused);
    }
  }

  #advance(type: RequestEventType): void {
    switch (type) {
      case "ADD_ENGINE":
        this.#state = "waiting";
        break;
      case "PREFILL_CHUNK":
        this.#prefilling = true;
        break;
      case "ADD_CONTEXT":
        this.#state = "running";
        break;
      case "GENERATED_TOKEN":
        this.#owesToken = false;
        break;
      case "PAUSE":
        this.#paused = true;
        this.#owesToken = true;
        break;
      case "RESUME":
        this.#paused = false;
        break;
      case "EVICT":
        this.#state = "evicted";
        this.#prefilling = false;
        this.#paused = false;
        this.#owesToken = false;
        break;
      case "CANCEL":
        this.#cancelAsked = true;
        break;
      case "ERROR_TRANSIENT":
        // Before admission it is back-pressure: the request keeps waiting.
        if (this.#state === "waiting" && !this.#prefilling) this.#refused = true;
        else this.#state = "failing";
        break;
      case "ERROR_NONTRANSIENT":
        this.#state = "failing";
        break;
      case "FINISH":
      case "FAIL":
        this.#state = "over";
        break;
    }
  }

  #outOfOrder(type: RequestEventType): UpbeatError {
    const legal = ALL_TYPES.filter((candidate) => this.#isLegal(candidate, null));
    const place = this.#last === null ? "be the first event" : `follow ${this.#last}`;
    return new UpbeatError(
      "EVENT_OUT_OF_ORDER",
      `${type} cannot ${place} here; expected ${legal.length === 0 ? "nothing after the end" : legal.join(", ")}`,
      { type, previous: this.#last, expected: legal.join(", ") },
    );
  }
}

/**
 * Check the order of a request's events, whether or not it is over.
 *
 * @param events The events of all segments.
 * @param finishReason Why it ended, where it finished.
 * @returns The state after the last event; `isOver` is true where the request ended.
 * @throws {UpbeatError} `EVENT_OUT_OF_ORDER`.
 */
export function checkEventOrder(events: readonly StoredEvent[], finishReason: FinishReason | null = null): EventOrder {
  const order = new EventOrder();
  for (const { type, timestamp } of events) order.accept(type, timestamp, finishReason);
  return order;
}
