/**
 * Starts the threads of an engine. This module is what each of them runs: it is both the function that starts a thread and
 * the code that the thread begins with.
 *
 * So a bundle is its own worker. A bundler puts this module and the user's program into one file, and has no other file that
 * a thread could start with. A thread that runs the bundle stops here, before the program: modules are evaluated in the order
 * of their imports, and this one waits until the thread ends.
 *
 * @module
 */
import process from "node:process";
import { isMainThread, type MessagePort, Worker, workerData } from "node:worker_threads";

/** What a thread does. */
export type ThreadKind = "executor" | "text";

/** The field of a thread's data that says what it does. */
const KIND = "upbeatThread";

/**
 * Start a thread.
 *
 * @param kind What it does.
 * @param data Its start parameters.
 * @param transferList Ports among them.
 * @returns The thread.
 */
export function startThread(kind: ThreadKind, data: object, transferList: readonly MessagePort[] = []): Worker {
  return new Worker(new URL(import.meta.url), {
    workerData: { ...data, [KIND]: kind },
    transferList: [...transferList],
  });
}

const kind: unknown = isMainThread ? null : (workerData as Record<string, unknown> | null)?.[KIND];
if (kind === "executor" || kind === "text") {
  if (kind === "executor") await import("../executor/worker.ts");
  else await (await import("../text/text_worker.ts")).ended;
  // The modules that import this one are never evaluated. Deno does not end a thread by itself while one waits.
  process.exit(0);
}
