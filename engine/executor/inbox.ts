/**
 * What the caller's side asks of the executor, and the live requests.
 *
 * @module
 */
import type { Clock } from "../telemetry/clock.ts";
import type { Log } from "../telemetry/log.ts";
import type { InboxMessage, SubmitMessage } from "../channel/messages.ts";
import { Request } from "../scheduler/request.ts";
import { StopCriteria } from "../scheduler/stop_criteria.ts";
import { TokenTable } from "../text/tokenizer/token_table.ts";

/** How messages come in. */
export interface MessageSource {
  /** The next message, or null when there is none now. Never blocks. */
  receive(): InboxMessage | null;
  /** Block until there may be a message. */
  waitForMessage(): void;
}

/** The requests that are not over, and whether they may go on. */
export class Inbox {
  /** Live requests by id. */
  readonly requests = new Map<number, Request>();
  /** Live requests that are to be ended, in the order in which it was asked for. */
  readonly cancelled = new Set<Request>();
  /** Whether a shutdown was asked for. */
  isShutDown = false;

  readonly #source: MessageSource;
  readonly #onSubmit: (request: Request) => void;
  readonly #now: Clock;
  readonly #log: Log | null;
  #tokenTable: TokenTable | null = null;
  #deadline: number | null = null;

  /**
   * @param source How messages come in.
   * @param onSubmit Called with each new request.
   * @param now The engine's clock.
   * @param log The thread's log.
   */
  constructor(source: MessageSource, onSubmit: (request: Request) => void, now: Clock, log: Log | null) {
    this.#source = source;
    this.#onSubmit = onSubmit;
    this.#now = now;
    this.#log = log;
  }

  /** Take in all messages that have come. Never blocks. */
  drain(): void {
    for (let message = this.#source.receive(); message !== null; message = this.#source.receive()) {
      switch (message.type) {
        case "submit":
          this.#submit(message);
          break;
        case "cancel": {
          const request = this.requests.get(message.id);
          // A cancel may cross the request's own end on its way here.
          if (request !== undefined) this.#cancel(request);
          break;
        }
        case "tokenTable":
          this.#tokenTable = TokenTable.fromShared(message.table);
          break;
        case "shutdown":
          this.#shutDown(message.drain, message.deadline);
          break;
      }
    }
    if (this.#deadline === null || this.#now() < this.#deadline) return;
    this.#log?.("loop: the time to drain is over", this.#counts());
    this.#cancelAll();
  }

  /** Block until there may be a message. After a shutdown there is none to wait for, and this returns at once. */
  wait(): void {
    if (!this.isShutDown) this.#source.waitForMessage();
  }

  /** A request is over. */
  remove(request: Request): void {
    this.requests.delete(request.id);
    this.cancelled.delete(request);
    if (this.isShutDown) this.#log?.("loop: a request has ended", { request: request.id, ...this.#counts() });
  }

  #submit(message: SubmitMessage): void {
    const stopCriteria = new StopCriteria(message, this.#tokenTable, message.promptTokenIds);
    const request = new Request({ ...message, stopCriteria });
    this.requests.set(request.id, request);
    this.#onSubmit(request);
  }

  #shutDown(drain: boolean, deadline: number | null): void {
    this.#log?.("loop: shutdown received", { drain, ...this.#counts() });
    this.isShutDown = true;
    if (deadline !== null) this.#deadline = Math.min(deadline, this.#deadline ?? Infinity);
    if (!drain) this.#cancelAll();
  }

  #counts(): Record<string, number> {
    const requests = [...this.requests.values()];
    return {
      waiting: requests.filter(({ status }) => status === "queued").length,
      active: requests.filter(({ status }) => status !== "queued").length,
      inFlight: requests.filter(({ stepsInFlight }) => stepsInFlight > 0).length,
    };
  }

  #cancel(request: Request): void {
    request.cancelRequested = true;
    this.cancelled.add(request);
  }

  #cancelAll(): void {
    this.#deadline = null;
    for (const request of this.requests.values()) this.#cancel(request);
  }
}
