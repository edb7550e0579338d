/**
 * The caller's side of the text thread, which compiles large tokenizers and encodes long prompts.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";
import { MessageChannel, type MessagePort, type Worker } from "node:worker_threads";
import { deserializeError, UpbeatError } from "../../errors.ts";
import type { TextPrompt } from "../text/prompt_encoder.ts";
import type { EncodeMessage, TextWorkerMessage, TextWorkerStart } from "../text/text_worker.ts";
import type { SharedTokenizer } from "../text/tokenizer/shared_tokenizer.ts";
import { startThread } from "../threads/start_thread.ts";

/** Milliseconds without work after which the thread ends; the next long prompt starts another. */
const IDLE_TIMEOUT = 30_000;

/** Milliseconds that a tokenizer may take to load. What a file may ask for is bounded, so this is never reached. */
const LOAD_TIMEOUT = 120_000;

function startWorker(workerData: TextWorkerStart, transferList: MessagePort[] = []): Worker {
  return startThread("text", workerData, transferList);
}

/**
 * Load a tokenizer on a thread of its own.
 *
 * @param folder The tokenizer's folder.
 * @param signal When it aborts, the thread no longer keeps the process alive. It ends by itself, soon, as its work is bounded:
 * to terminate it would block this thread until it is gone on some runtimes.
 * @returns The compiled tokenizer, with its token table.
 * @throws {UpbeatError} `TOKENIZER_…`.
 */
export async function loadOnThread(folder: string, signal: AbortSignal | undefined): Promise<SharedTokenizer> {
  const { promise, resolve, reject } = Promise.withResolvers<SharedTokenizer>();
  const worker = startWorker({ folder });
  const timer = setTimeout(() => {
    reject(
      new UpbeatError("TOKENIZER_INVALID", `the tokenizer of ${folder} took longer than ${LOAD_TIMEOUT / 1000} s`),
    );
  }, LOAD_TIMEOUT).unref();
  const release = (): void => void worker.unref();
  worker.on("message", (message: TextWorkerMessage) => {
    if (message.type === "loaded") resolve(message.tokenizer);
    else if (message.type === "failed") reject(deserializeError(message.error));
  });
  worker.on("error", (error: Error) => reject(threadEnded(error.message)));
  worker.on("exit", () => reject(threadEnded("it exited")));
  signal?.addEventListener("abort", release, { once: true });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", release);
    worker.unref();
  }
}

/** A prompt that is being encoded. */
interface Job {
  readonly resolve: (tokenIds: Int32Array) => void;
  readonly reject: (error: UpbeatError) => void;
  readonly canceled: Int32Array;
}

/** A prompt on its way, see {@linkcode TextThread.encode}. */
export interface EncodingPrompt {
  /** Resolves with the token ids; rejects once it is canceled. */
  readonly tokenIds: Promise<Int32Array>;
  /** The prompt is no longer wanted: the thread stops working on it. */
  cancel(): void;
}

/** Encodes long prompts. The thread is started with the first one. */
export class TextThread {
  readonly #tokenizer: SharedTokenizer;
  readonly #jobs = new Map<number, Job>();
  /** The thread and its inbox, while there is one. */
  #worker: Worker | null = null;
  #inbox: MessagePort | null = null;
  #idleTimer: ReturnType<typeof setTimeout> | null = null;
  #nextId = 1;

  /** @param tokenizer The tokenizer. */
  constructor(tokenizer: SharedTokenizer) {
    this.#tokenizer = tokenizer;
  }

  /**
   * Encode a prompt.
   *
   * @param text The prompt, a plain value.
   * @returns The prompt on its way; it rejects with what `encodeTextPrompt` throws.
   */
  encode(text: TextPrompt): EncodingPrompt {
    const id = this.#nextId++;
    const canceled = new SharedArrayBuffer(4);
    const { promise, resolve, reject } = Promise.withResolvers<Int32Array>();
    const job: Job = { resolve, reject, canceled: new Int32Array(canceled) };
    const worker = this.#start();
    const message: EncodeMessage = { id, text, canceled };
    try {
      this.#inbox!.postMessage(message);
      this.#jobs.set(id, job);
      worker.ref();
    } catch (error) {
      // A variable that cannot be posted, such as a function.
      reject(new UpbeatError("PROMPT_INVALID", `the prompt is no plain data: ${String(error)}`, {}, { cause: error }));
      this.#rest();
    }
    return { tokenIds: promise, cancel: () => this.#cancel(id) };
  }

  /** End the thread; prompts that are being encoded are dropped. */
  close(): void {
    for (const { canceled } of this.#jobs.values()) Atomics.store(canceled, 0, 1);
    this.#jobs.clear();
    this.#end();
  }

  #start(): Worker {
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = null;
    if (this.#worker !== null) return this.#worker;
    const { port1, port2 } = new MessageChannel();
    const worker = startWorker({ tokenizer: this.#tokenizer, inbox: port2 }, [port2]);
    this.#worker = worker;
    this.#inbox = port1;
    worker.on("message", (message: TextWorkerMessage) => this.#receive(message));
    worker.on("error", (error: Error) => this.#fail(worker, threadEnded(error.message)));
    worker.on("exit", () => this.#fail(worker, threadEnded("it exited")));
    return worker;
  }

  #receive(message: TextWorkerMessage): void {
    if (message.type !== "encoded" && message.type !== "rejected") return;
    const job = this.#jobs.get(message.id);
    this.#jobs.delete(message.id);
    if (message.type === "encoded") job?.resolve(message.tokenIds);
    else job?.reject(deserializeError(message.error));
    this.#rest();
  }

  #cancel(id: number): void {
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    Atomics.store(job.canceled, 0, 1);
    this.#jobs.delete(id);
    job.reject(new UpbeatError("ENGINE_CLOSED", "the prompt is no longer wanted"));
    this.#rest();
  }

  /** Without work, the thread does not keep the process alive, and ends after some time. */
  #rest(): void {
    if (this.#jobs.size > 0 || this.#worker === null) return;
    this.#worker.unref();
    this.#idleTimer ??= setTimeout(() => this.#end(), IDLE_TIMEOUT).unref();
  }

  #end(): void {
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = null;
    // It ends by itself: to terminate it would block this thread until it is gone on some runtimes.
    this.#inbox?.postMessage(null);
    this.#worker?.unref();
    this.#worker = null;
    this.#inbox = null;
  }

  #fail(worker: Worker, error: UpbeatError): void {
    if (worker !== this.#worker) return;
    this.#worker = null;
    this.#inbox = null;
    for (const { reject } of this.#jobs.values()) reject(error);
    this.#jobs.clear();
  }
}

function threadEnded(reason: string): UpbeatError {
  return new UpbeatError("INTERNAL", `the text thread died: ${reason}`, { reason });
}
