/**
 * Standard input and output of the command line.
 *
 * @module
 */
import { readFileSync, readSync, writeSync } from "node:fs";
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

/**
 * Read a text file, or standard input for `-`.
 *
 * @param path The path.
 * @param what Which argument named it, for the message.
 * @returns Its text, without a byte order mark.
 * @throws {InputError} When it cannot be read.
 */
export function readText(path: string, what: string): string {
  try {
    const bytes = path === "-" ? readInput() : readFileSync(path);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    const { code } = error as { code?: string };
    const reason = code === "ENOENT" ? "there is no such file" : (error as Error).message;
    throw new InputError(`${what}: cannot read ${path === "-" ? "standard input" : path}: ${reason}`);
  }
}

/** All of standard input. */
function readInput(): Uint8Array {
  const chunks: Uint8Array[] = [];
  const buffer = new Uint8Array(1 << 16);
  while (true) {
    let length: number;
    try {
      length = readSync(0, buffer, 0, buffer.length, null);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EOF") break;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(pause, 0, 0, 5);
      continue;
    }
    if (length === 0) break;
    chunks.push(buffer.slice(0, length));
  }
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
