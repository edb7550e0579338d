/**
 * The main thread's side of the executor's thread: starts it, speaks to it, and learns of its end, however it comes.
 *
 * @module
 */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { deserializeError, UpbeatError } from "../errors.ts";
import type { LoadProgress } from "./options.ts";
import type {
  Delivery,
  EngineInfo,
  InboxMessage,
  OutboxMessage,
  ResolvedEngineOptions,
  WorkerStart,
} from "./protocol.ts";

/** What the thread is started with. */
export interface ExecutorThreadStart {
  readonly modelFolder: string;
  readonly options: ResolvedEngineOptions;
  readonly clockOrigin: number;
  readonly onProgress: ((progress: LoadProgress) => void) | null;
}

/** A running executor. */
export class ExecutorThread {
  /** Resolves when the model is loaded; rejects with what prevented it. */
  readonly ready: Promise<EngineInfo>;
  /** Called with what the executor sends. */
  onUpdates: (delivery: Delivery) => void = () => {};
  /** Called once when the thread is over: null after a shutdown, else what ended it. */
  onEnd: (error: UpbeatError | null) => void = () => {};

  readonly #worker: Worker;
  readonly #inbox: MessagePort;
  readonly #doorbell: Int32Array;
  readonly #onProgress: ((progress: LoadProgress) => void) | null;
  readonly #ready = Promise.withResolvers<EngineInfo>();
  readonly #ended = Promise.withResolvers<void>();
  #unsent: InboxMessage[] = [];
  #isReady = false;
  #hasEnded = false;

  constructor(start: ExecutorThreadStart) {
    const { port1, port2 } = new MessageChannel();
    const doorbell = new SharedArrayBuffer(4);
    this.#inbox = port1;
    this.#doorbell = new Int32Array(doorbell);
    this.#onProgress = start.onProgress;
    this.ready = this.#ready.promise;
    const { modelFolder, options, clockOrigin } = start;
    const workerData: WorkerStart = { modelFolder, options, clockOrigin, doorbell, inbox: port2 };
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData, transferList: [port2] });
    this.#worker.on("message", (message: OutboxMessage) => this.#receive(message));
    this.#worker.on("error", (error: Error) => this.#end(died(error.message)));
    this.#worker.on("exit", (code: number) => this.#end(died(`it exited with code ${code}`)));
  }

  /** Whether the thread is over. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * Send a message and wake the loop. Messages of one synchronous stretch of the caller's code arrive together, when it
   * ends: so requests that are started together are scheduled together, the same way each time.
   */
  post(message: InboxMessage): void {
    if (this.#hasEnded) return;
    if (this.#unsent.push(message) === 1) queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    if (this.#hasEnded || this.#unsent.length === 0) return;
    this.#inbox.postMessage(this.#unsent);
    this.#unsent = [];
    Atomics.add(this.#doorbell, 0, 1);
    Atomics.notify(this.#doorbell, 0);
  }

  /** Whether the thread keeps the process alive: while requests run, and not when the engine is only kept at hand. */
  holdOpen(hold: boolean): void {
    if (this.#hasEnded) return;
    if (hold) this.#worker.ref();
    else this.#worker.unref();
  }

  /**
   * Ask the loop to end and wait until it has; terminate the thread when it takes too long.
   *
   * @param timeout Milliseconds.
   */
  async end(timeout: number): Promise<void> {
    if (this.#hasEnded) return;
    this.holdOpen(true);
    this.post({ type: "shutdown", drain: false, deadline: null });
    const timer = setTimeout(() => {
      void this.#worker.terminate();
      this.#end(died(`it did not end within ${timeout / 1000} s of the shutdown and was terminated`));
    }, timeout);
    await this.#ended.promise;
    clearTimeout(timer);
  }

  #receive(message: OutboxMessage): void {
    switch (message.type) {
      case "progress":
        this.#onProgress?.(message);
        break;
      case "ready":
        this.#isReady = true;
        this.#ready.resolve(message.info);
        this.holdOpen(false);
        break;
      case "updates":
        this.onUpdates(message);
        break;
      case "closed":
        this.#end(message.error === null ? null : deserializeError(message.error));
        break;
    }
  }

  #end(error: UpbeatError | null): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#inbox.close();
    this.#worker.unref();
    if (!this.#isReady) this.#ready.reject(error ?? new UpbeatError("ENGINE_CLOSED", "the engine was disposed"));
    this.onEnd(error);
    this.#ended.resolve();
  }
}

function died(reason: string): UpbeatError {
  return new UpbeatError("ENGINE_FAILED", `the executor's thread died: ${reason}; load the engine again`, { reason });
}
