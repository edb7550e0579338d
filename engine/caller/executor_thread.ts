/**
 * The caller's side of the executor's thread: starts it, exchanges messages with it, and detects its end.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { deserializeError, UpbeatError } from "../../errors.ts";
import { createOutputRing, OutputReceiver } from "../channel/output_ring.ts";
import type { Log, LogEntry } from "../telemetry/log.ts";
import type { LoadProgress } from "../config/engine_options.ts";
import type { InboxMessage, OutboxMessage, WorkerStart } from "../channel/messages.ts";
import { type OutputSink, readOutput } from "../channel/step_output.ts";
import type { EngineInfo } from "../config/engine_info.ts";
import type { ResolvedEngineOptions } from "../config/resolved_options.ts";
import { startThread } from "../threads/start_thread.ts";

/** The start parameters of the thread. */
export interface ExecutorThreadStart {
  readonly modelFolder: string;
  readonly options: ResolvedEngineOptions;
  readonly clockOrigin: number;
  readonly onProgress: ((progress: LoadProgress) => void) | null;
  /** The caller's log. */
  readonly log: Log | null;
  /** Called with the executor's entries; null: they are not sent. */
  readonly onLog: ((entry: LogEntry) => void) | null;
  /** The thread's module, for tests; default `engine/executor/worker.ts`. */
  readonly module?: URL;
}

/** How to end a thread. */
export interface ThreadEnd {
  /** Whether live requests finish, instead of being cancelled. */
  readonly drain: boolean;
  /** When requests that have not finished are cancelled, on the engine's clock; null: never. */
  readonly deadline: number | null;
  /** Milliseconds to wait for the thread. */
  readonly timeout: number;
  /** Milliseconds from then on after which it is terminated. */
  readonly grace: number;
}

/** A running executor. */
export class ExecutorThread {
  /** Resolves when the model is loaded; rejects with the error that prevented it. */
  readonly ready: Promise<EngineInfo>;
  /** Takes in the executor's outputs; set before the first request. */
  sink: OutputSink | null = null;
  /** Called once when the executor has ended, with its error; null after a shutdown. Its thread may still clean up. */
  onEnd: (error: UpbeatError | null) => void = () => {};

  readonly #worker: Worker;
  readonly #inbox: MessagePort;
  readonly #doorbell: Int32Array;
  readonly #outputs: OutputReceiver;
  readonly #onProgress: ((progress: LoadProgress) => void) | null;
  readonly #onLog: ((entry: LogEntry) => void) | null;
  readonly #log: Log | null;
  readonly #ready = Promise.withResolvers<EngineInfo>();
  readonly #gone = Promise.withResolvers<void>();
  #unsent: InboxMessage[] = [];
  #isReady = false;
  /** Whether requests have failed with their executor, which reports its end next. */
  #isFailing = false;
  #hasEnded = false;
  #failure: UpbeatError | null = null;
  #isGone = false;
  /** After {@linkcode ExecutorThread.end}: until when the thread is waited for, and the timer of what happens then. */
  #wait: { readonly until: number; timer: ReturnType<typeof setTimeout> } | null = null;

  constructor(start: ExecutorThreadStart) {
    const { port1, port2 } = new MessageChannel();
    const doorbell = new SharedArrayBuffer(4);
    this.#inbox = port1;
    this.#doorbell = new Int32Array(doorbell);
    this.#onProgress = start.onProgress;
    this.#onLog = start.onLog;
    this.#log = start.log;
    this.ready = this.#ready.promise;
    const { modelFolder, options, clockOrigin, module } = start;
    const outputs = createOutputRing();
    this.#outputs = new OutputReceiver(outputs, (output) => this.sink !== null && readOutput(output, this.sink));
    const workerData: WorkerStart = { modelFolder, options, clockOrigin, doorbell, inbox: port2, outputs };
    this.#worker = module === undefined
      ? startThread("executor", workerData, [port2])
      : new Worker(module, { workerData, transferList: [port2] });
    this.#worker.on("message", (message: OutboxMessage) => this.#receive(message));
    this.#worker.on("error", (error: Error) => this.#end(died(error.message)));
    this.#worker.on("exit", (code: number) => {
      this.#log?.("thread: worker exit seen", { code });
      this.#end(died(`it exited with code ${code}`));
      this.#leave();
    });
  }

  /** The error that ended the executor; null before its end, and after a shutdown. */
  get failure(): UpbeatError | null {
    return this.#failure;
  }

  /** Whether the executor has ended. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * Send a message and wake the loop. Messages that are posted synchronously one after the other arrive together:
   * requests that are started together are scheduled together, deterministically.
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

  /** Sets whether the thread keeps the process alive: it does while requests are live. */
  holdOpen(hold: boolean): void {
    // While its end is awaited, the thread keeps the process alive.
    if (this.#hasEnded || this.#wait !== null) return;
    if (hold) this.#worker.ref();
    // The process must not exit before a failing executor has reported its end.
    else if (!this.#isFailing) this.#worker.unref();
  }

  /**
   * Shut down the loop and wait for the thread to end, or for the timeout. While the model is loading, the thread stops
   * at the next layer. May be called again; the shorter of the two timeouts applies.
   *
   * @param end How to end it.
   */
  async end(end: ThreadEnd): Promise<void> {
    if (this.#isGone) {
      this.#log?.("thread: nothing to end", { reason: "the thread has already ended" });
      return;
    }
    if (this.#hasEnded) {
      this.#log?.("thread: no shutdown message", {
        reason: "the executor has already ended, and its thread cleans up",
      });
    } else {
      const { drain, deadline } = end;
      this.post({ type: "shutdown", drain, deadline });
      // Sent synchronously: the caller may block this thread right afterwards.
      this.#deliver();
      this.#log?.("thread: shutdown message posted", { drain, deadline, loading: !this.#isReady });
    }
    this.#worker.ref();
    this.#waitFor(end);
    await this.#gone.promise;
  }

  #waitFor({ timeout, grace }: ThreadEnd): void {
    const until = performance.now() + timeout;
    if (this.#wait !== null) {
      if (this.#wait.until <= until) return;
      clearTimeout(this.#wait.timer);
    }
    this.#wait = { until, timer: setTimeout(() => this.#giveUp(timeout, grace), timeout) };
  }

  /**
   * Stop waiting. Most likely the thread is inside a call of the library, where no message reaches it: when the call
   * returns, the thread finds the shutdown message and frees the device, which a terminated thread would not.
   */
  #giveUp(timeout: number, grace: number): void {
    const reason = `it did not end within ${timeout / 1000} s of the shutdown`;
    this.#log?.("thread: given up", { reason });
    this.#end(died(`${reason} and was given up`));
    this.#worker.unref();
    this.#wait!.timer = setTimeout(() => this.#terminate(grace), grace).unref();
    this.#gone.resolve();
  }

  /** The last resort: the device's memory is lost to the process. */
  #terminate(grace: number): void {
    this.#log?.("thread: terminated", { reason: `it did not end within ${grace / 1000} s of being given up` });
    void this.#worker.terminate();
  }

  #receive(message: OutboxMessage): void {
    if (message.type === "log") return this.#onLog?.(message.entry);
    // Outputs that arrive after the thread was given up are about requests that have failed already.
    if (this.#hasEnded) return;
    switch (message.type) {
      case "progress":
        this.#onProgress?.(message);
        break;
      case "ready":
        this.#isReady = true;
        this.#ready.resolve(message.info);
        this.holdOpen(false);
        break;
      case "output":
        this.#isFailing ||= message.output.isLast;
        this.#outputs.receivePosted(message);
        break;
      case "failed":
        this.#end(deserializeError(message.error));
        break;
      case "closed":
        this.#end(null);
        break;
    }
  }

  /** The executor has ended: nothing more is sent to it, and everything that waits for it is notified. */
  #end(error: UpbeatError | null): void {
    if (this.#hasEnded) return;
    // Its last outputs come first.
    this.#outputs.drain();
    this.#outputs.close();
    this.#hasEnded = true;
    this.#failure = error;
    this.#log?.("thread: executor over", { error: error?.code ?? null });
    this.#inbox.close();
    if (this.#wait === null) this.#worker.unref();
    if (!this.#isReady) this.#ready.reject(error ?? new UpbeatError("ENGINE_CLOSED", "the engine was disposed"));
    this.onEnd(error);
  }

  /** The thread is gone. */
  #leave(): void {
    this.#isGone = true;
    if (this.#wait !== null) clearTimeout(this.#wait.timer);
    this.#gone.resolve();
  }
}

function died(reason: string): UpbeatError {
  return new UpbeatError("ENGINE_FAILED", `the executor's thread died: ${reason}; load the engine again`, { reason });
}
