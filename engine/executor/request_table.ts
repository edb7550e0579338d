/**
 * The requests that have not ended.
 *
 * @module
 */
import type { Request } from "../scheduler/request.ts";

/** Live requests by id, and which of them are cancelled. */
export class RequestTable {
  readonly #requests = new Map<number, Request>();
  readonly #cancelled = new Set<Request>();

  /** Number of live requests. */
  get size(): number {
    return this.#requests.size;
  }

  /** Cancelled requests that have not ended yet, in the order in which they were cancelled. */
  get cancelled(): ReadonlySet<Request> {
    return this.#cancelled;
  }

  /** All live requests, oldest first. */
  all(): IterableIterator<Request> {
    return this.#requests.values();
  }

  /**
   * Whether a request has not ended.
   *
   * @param request The request.
   */
  has(request: Request): boolean {
    return this.#requests.has(request.id);
  }

  /**
   * Adds a request.
   *
   * @param request A new one.
   */
  add(request: Request): void {
    this.#requests.set(request.id, request);
  }

  /**
   * Removes a request that has ended.
   *
   * @param request A live one.
   */
  remove(request: Request): void {
    this.#requests.delete(request.id);
    this.#cancelled.delete(request);
  }

  /** Removes all requests. */
  clear(): void {
    this.#requests.clear();
    this.#cancelled.clear();
  }

  /**
   * Marks a request as cancelled. The executor ends it once none of its steps is in flight.
   *
   * @param id Its id; unknown ones are ignored, as a cancel may cross the end of its request.
   */
  cancel(id: number): void {
    const request = this.#requests.get(id);
    if (request === undefined) return;
    request.cancelRequested = true;
    this.#cancelled.add(request);
  }

  /** Cancels every live request. */
  cancelAll(): void {
    for (const id of this.#requests.keys()) this.cancel(id);
  }

  /** Live requests by state, for the log. */
  counts(): Record<"waiting" | "active" | "inFlight", number> {
    const requests = [...this.#requests.values()];
    const waiting = requests.filter(({ status }) => status === "queued").length;
    return {
      waiting,
      active: requests.length - waiting,
      inFlight: requests.filter(({ stepsInFlight }) => stepsInFlight > 0).length,
    };
  }
}
