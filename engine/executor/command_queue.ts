/**
 * Commands from the caller's thread: submissions, cancellations and the shutdown.
 *
 * @module
 */
import type { InboxMessage, SubmitMessage } from "../channel/messages.ts";
import { Request } from "../scheduler/request.ts";
import { StopCriteria } from "../scheduler/stop_criteria.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { Log } from "../telemetry/log.ts";
import { TokenTable } from "../text/tokenizer/token_table.ts";
import type { RequestTable } from "./request_table.ts";

/** Where messages come from. */
export interface MessageSource {
  /** Returns the next message, or null if none has arrived. Never blocks. */
  receive(): InboxMessage | null;
  /** Blocks until a message may have arrived. */
  waitForMessage(): void;
}

/** What a command queue is made of. */
export interface CommandQueueParts {
  readonly source: MessageSource;
  /** Receives new requests and cancellations. */
  readonly requests: RequestTable;
  /** Called with each new request. */
  readonly onSubmit: (request: Request) => void;
  /** The engine's clock. */
  readonly now: Clock;
  /** The thread's log. */
  readonly log: Log | null;
}

/** Applies the caller's commands to the table of live requests. */
export class CommandQueue {
  readonly #parts: CommandQueueParts;
  #tokenTable: TokenTable | null = null;
  #isShutDown = false;
  /** When the requests that still run are cancelled, on the engine's clock; null: never. */
  #drainDeadline: number | null = null;

  /** @param parts What it is made of. */
  constructor(parts: CommandQueueParts) {
    this.#parts = parts;
  }

  /** Whether the shutdown has been requested. */
  get isShutDown(): boolean {
    return this.#isShutDown;
  }

  /** Applies all commands that have arrived. Never blocks. */
  drain(): void {
    const { source, requests, now, log } = this.#parts;
    for (let message = source.receive(); message !== null; message = source.receive()) this.#apply(message);
    if (this.#drainDeadline === null || now() < this.#drainDeadline) return;
    log?.("loop: drain deadline passed", requests.counts());
    this.#cancelAll();
  }

  /** Blocks until a command may have arrived. Returns at once after a shutdown, since nothing follows it. */
  wait(): void {
    if (!this.#isShutDown) this.#parts.source.waitForMessage();
  }

  /**
   * Removes a request that has ended. During a shutdown its end is logged, so that a drain that hangs can be read off the log.
   *
   * @param request A live request.
   */
  ended(request: Request): void {
    const { requests, log } = this.#parts;
    requests.remove(request);
    if (this.#isShutDown) log?.("loop: a request has ended", { request: request.id, ...requests.counts() });
  }

  #apply(message: InboxMessage): void {
    switch (message.type) {
      case "submit":
        return this.#submit(message);
      case "cancel":
        return this.#parts.requests.cancel(message.id);
      case "tokenTable":
        this.#tokenTable = new TokenTable(message.table);
        return;
      case "shutdown":
        return this.#shutDown(message.drain, message.deadline);
    }
  }

  #submit(message: SubmitMessage): void {
    const stopCriteria = new StopCriteria(message, this.#tokenTable, message.promptTokenIds);
    const request = new Request({ ...message, stopCriteria });
    this.#parts.requests.add(request);
    this.#parts.onSubmit(request);
  }

  #shutDown(drain: boolean, deadline: number | null): void {
    this.#parts.log?.("loop: shutdown received", { drain, ...this.#parts.requests.counts() });
    this.#isShutDown = true;
    if (deadline !== null) this.#drainDeadline = Math.min(deadline, this.#drainDeadline ?? Infinity);
    if (!drain) this.#cancelAll();
  }

  #cancelAll(): void {
    this.#drainDeadline = null;
    this.#parts.requests.cancelAll();
  }
}
