/**
 * Standard input and output of the command line.
 *
 * @module
 */
import { closeSync, openSync, readSync, statSync, writeSync } from "node:fs";
import process from "node:process";
import { InputError } from "../errors.ts";

/** The reader of our output is gone (`| head`): not an error, but there is nothing left to do. */
export class OutputClosed extends Error {
  /** An error without details. */
  constructor() {
    super("the output was closed");
    this.name = "OutputClosed";
  }
}

const encoder = new TextEncoder();
const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Write everything now. The runtimes' streams differ in when they write and in how they report a closed pipe; the system
 * call is the same on both.
 */
function writeAll(fd: 1 | 2, text: string): void {
  let rest = encoder.encode(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EPIPE" || /broken pipe/i.test(String(error))) throw new OutputClosed();
      // A non-blocking pipe is full: wait for its reader.
      if (code !== "EAGAIN" && !/would ?block|temporarily unavailable/i.test(String(error))) throw error;
      Atomics.wait(pause, 0, 0, 2);
    }
  }
}

/**
 * Write to standard output.
 *
 * @param text The text.
 * @throws {OutputClosed} When its reader is gone.
 */
export function print(text: string): void {
  writeAll(1, text);
}

/**
 * Write to standard error.
 *
 * @param text The text.
 */
export function note(text: string): void {
  try {
    writeAll(2, text);
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
  }
}

/** Whether standard error is a terminal, where a line may be redrawn. */
export function isTerminal(): boolean {
  return process.stderr.isTTY === true;
}

/** The most bytes that are read of a file or of standard input: they are prompts, and all of them are kept. */
const MAX_INPUT_BYTES = 256 * 2 ** 20;

/**
 * Read a text file, or standard input for `-`. A pipe is read like standard input, as in `--prompts-file <(command)`.
 *
 * @param path The path.
 * @param what Which argument named it, for the message.
 * @returns Its text, without a byte order mark.
 * @throws {InputError} When it cannot be read, is a folder, or is too long.
 */
export function readText(path: string, what: string): string {
  const name = path === "-" ? "standard input" : path;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(path === "-" ? readAll(0) : readFile(path));
  } catch (error) {
    throw new InputError(`${what}: cannot read ${name}: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  const { code, name, message } = error as Error & { code?: string };
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES") return "permission denied";
  return name === "TypeError" ? "it is not UTF-8 text" : message;
}

function readFile(path: string): Uint8Array {
  if (statSync(path).isDirectory()) throw new Error("it is a folder");
  const descriptor = openSync(path, "r");
  try {
    return readAll(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Everything up to the end. */
function readAll(descriptor: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  const buffer = new Uint8Array(1 << 16);
  let total = 0;
  while (true) {
    let length: number;
    try {
      length = readSync(descriptor, buffer, 0, buffer.length, null);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EOF") break;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(pause, 0, 0, 5);
      continue;
    }
    if (length === 0) break;
    total += length;
    if (total > MAX_INPUT_BYTES) throw new Error(`it is longer than ${MAX_INPUT_BYTES / 2 ** 20} MiB`);
    chunks.push(buffer.slice(0, length));
  }
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
