/**
 * The text thread: compiles a tokenizer, and encodes long prompts, so that neither blocks the caller's thread.
 *
 * @module
 */
import { setPriority } from "node:os";
import process from "node:process";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { type SerializedError, serializeError, toUpbeatError } from "../../errors.ts";
import { encodeTextPrompt, type TextPrompt } from "./prompt_encoder.ts";
import type { SharedTokenizer } from "./tokenizer/shared_tokenizer.ts";
import { Tokenizer } from "./tokenizer/tokenizer.ts";

/** What the thread is started with: a folder to load, or a tokenizer to encode with. */
export type TextWorkerStart =
  | { readonly folder: string }
  /** `inbox` is a port of {@linkcode EncodeMessage}; null is the last message. */
  | { readonly tokenizer: SharedTokenizer; readonly inbox: unknown };

/** A prompt to encode. */
export interface EncodeMessage {
  readonly id: number;
  readonly text: TextPrompt;
  /** Int32 `[1]`; not 0: the prompt is no longer wanted. */
  readonly canceled: SharedArrayBuffer;
}

/** What the thread answers. */
export type TextWorkerMessage =
  | { readonly type: "loaded"; readonly tokenizer: SharedTokenizer }
  | { readonly type: "failed"; readonly error: SerializedError }
  | { readonly type: "encoded"; readonly id: number; readonly tokenIds: Int32Array }
  | { readonly type: "rejected"; readonly id: number; readonly error: SerializedError };

/** As of `nice`. */
const LOW_PRIORITY = 10;

function post(message: TextWorkerMessage): void {
  parentPort!.postMessage(message);
}

async function load(folder: string): Promise<void> {
  try {
    const tokenizer = await Tokenizer.load(folder);
    const table = tokenizer.tokenTable.shared;
    post({ type: "loaded", tokenizer: { ...tokenizer.shared, table } });
  } catch (error) {
    post({ type: "failed", error: serializeError(toUpbeatError(error)) });
  }
}

/** Encodes prompts; resolves when the last message has arrived. */
function serve(tokenizer: Tokenizer, inbox: MessagePort): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  inbox.on("message", (message: EncodeMessage | null) => {
    if (message === null) {
      inbox.close();
      return resolve();
    }
    const { id, text, canceled } = message;
    const flag = new Int32Array(canceled);
    const checkWanted = (): void => {
      if (Atomics.load(flag, 0) !== 0) throw new Error("the prompt is no longer wanted");
    };
    try {
      checkWanted();
      post({ type: "encoded", id, tokenIds: Int32Array.from(encodeTextPrompt(text, tokenizer, checkWanted)) });
    } catch (error) {
      post({ type: "rejected", id, error: serializeError(toUpbeatError(error)) });
    }
  });
  return promise;
}

/** Lets other threads go first, where priorities are per thread: streams must not wait for a long prompt. */
function yieldToOthers(): void {
  if (process.platform !== "linux") return;
  try {
    setPriority(LOW_PRIORITY);
  } catch {
    // Not allowed: the thread has the priority of others.
  }
}

function run(start: TextWorkerStart): Promise<void> {
  if ("folder" in start) return load(start.folder);
  yieldToOthers();
  return serve(new Tokenizer(start.tokenizer), start.inbox as MessagePort);
}

/** Resolves when the thread has nothing more to do. */
export const ended: Promise<void> = run(workerData as TextWorkerStart);
