/**
 * The main thread's side of the executor's thread: starts it, speaks to it, and learns of its end, however it comes.
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
import { type EncodedOutput, type OutputSink, readOutput } from "../channel/step_output.ts";
import type { EngineInfo } from "../config/engine_info.ts";
import type { ResolvedEngineOptions } from "../config/resolved_options.ts";

/** What the thread is started with. */
export interface ExecutorThreadStart {
  readonly modelFolder: string;
  readonly options: ResolvedEngineOptions;
  readonly clockOrigin: number;
  readonly onProgress: ((progress: LoadProgress) => void) | null;
  /** The caller's log. */
  readonly log: Log | null;
  /** Called with the executor's entries; null: they are not sent. */
  readonly onLog: ((entry: LogEntry) => void) | null;
  /** What the thread runs; `engine/executor/worker.ts` unless given. */
  readonly module?: URL;
}

/** How a thread is to end. */
export interface ThreadEnd {
  /** Whether what runs is to finish, instead of being cancelled. */
  readonly drain: boolean;
  /** When what still runs is cancelled all the same, on the engine's clock; null: never. */
  readonly deadline: number | null;
  /** Milliseconds from now after which the thread is waited for no longer. */
  readonly timeout: number;
  /** Milliseconds from then after which it is terminated. */
  readonly grace: number;
}

/** A running executor. */
export class ExecutorThread {
  /** Resolves when the model is loaded; rejects with what prevented it. */
  readonly ready: Promise<EngineInfo>;
  /** Takes in the executor's outputs; set before the first request. */
  sink: OutputSink | null = null;
  /** Called once when the executor is over: null after a shutdown, else what ended it. Its thread may still clean up. */
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
  /** Whether requests have failed with their executor, whose end is told next. */
  #isFailing = false;
  #hasEnded = false;
  #isGone = false;
  /** Once the thread is asked to end: until when it is waited for, and what happens then. */
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
    const { modelFolder, options, clockOrigin, module = new URL("../executor/worker.ts", import.meta.url) } = start;
    const outputs = createOutputRing();
    this.#outputs = new OutputReceiver(outputs, (output) => this.sink !== null && readOutput(output, this.sink));
    const workerData: WorkerStart = { modelFolder, options, clockOrigin, doorbell, inbox: port2, outputs };
    this.#worker = new Worker(module, { workerData, transferList: [port2] });
    this.#worker.on("message", (message: OutboxMessage) => this.#receive(message));
    this.#worker.on("error", (error: Error) => this.#end(died(error.message)));
    this.#worker.on("exit", (code: number) => {
      this.#log?.("thread: worker exit seen", { code });
      this.#end(died(`it exited with code ${code}`));
      this.#leave();
    });
  }

  /** Whether the executor is over. */
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
    // A thread that is waited for holds the process until it is gone.
    if (this.#hasEnded || this.#wait !== null) return;
    if (hold) this.#worker.ref();
    // Who waits for the end of a failing executor would otherwise wait in a process that ends.
    else if (!this.#isFailing) this.#worker.unref();
  }

  /**
   * Ask the loop to end and wait until the thread is gone, or the time is over. While it is loading it gives up at the next
   * layer. May be called again: the thread then has the shorter of the two times.
   *
   * @param end How.
   */
  async end(end: ThreadEnd): Promise<void> {
    if (this.#isGone) {
      this.#log?.("thread: nothing to end", { reason: "the thread is already over" });
      return;
    }
    if (this.#hasEnded) {
      this.#log?.("thread: no shutdown message", { reason: "the executor is already over, and its thread cleans up" });
    } else {
      const { drain, deadline } = end;
      this.post({ type: "shutdown", drain, deadline });
      // Now: who disposes may block this thread right afterwards.
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
   * Wait no longer. Most likely the thread is in a call of the library, where nothing reaches it: when that returns, it
   * finds the shutdown message and frees the device after all, which a thread that was terminated does not.
   */
  #giveUp(timeout: number, grace: number): void {
    const reason = `it did not end within ${timeout / 1000} s of the shutdown`;
    this.#log?.("thread: given up", { reason });
    this.#end(died(`${reason} and was given up`));
    this.#worker.unref();
    this.#wait!.timer = setTimeout(() => this.#terminate(grace), grace).unref();
    this.#gone.resolve();
  }

  /** The last resort: what the device held is lost to the process. */
  #terminate(grace: number): void {
    this.#log?.("thread: terminated", { reason: `it did not end within ${grace / 1000} s of being given up` });
    void this.#worker.terminate();
  }

  #receive(message: OutboxMessage): void {
    if (message.type === "log") return this.#onLog?.(message.entry);
    // What was on its way when the thread was given up is about requests that were told of it.
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
        this.#isFailing ||= hasFailure(message.output);
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

  /** The executor is over: nothing more is sent to it, and whoever waits for it hears why. */
  #end(error: UpbeatError | null): void {
    if (this.#hasEnded) return;
    // What it said before comes first.
    this.#outputs.drain();
    this.#outputs.close();
    this.#hasEnded = true;
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

/** Whether requests fail with their executor. */
function hasFailure({ values }: EncodedOutput): boolean {
  return values.some((value) => typeof value !== "string" && !value.transient);
}

function died(reason: string): UpbeatError {
  return new UpbeatError("ENGINE_FAILED", `the executor's thread died: ${reason}; load the engine again`, { reason });
}
