/**
 * Foreign functions in Bun.
 *
 * @module
 */

import { dlopen, type FFIFunction, toArrayBuffer } from "bun:ffi";
import process from "node:process";
import { type ArgumentType, parseParameter, type SymbolName, SYMBOLS, type Symbols } from "./abi.ts";
import type { ForeignInterface, OpenLibrary } from "./interface.ts";
import type { Pointer } from "./types.ts";

/** `ptr` passes an address as a number at no cost, and a typed array as the address of its first byte. */
const TYPES = {
  i32: "i32",
  i64: "i64",
  f32: "f32",
  device: "i32",
  stream: "i32",
  event: "i32",
  graph: "i32",
  weight: "i32",
  pointer: "ptr",
  "pointer?": "ptr",
  buffer: "ptr",
  cstring: "ptr",
} as const satisfies Record<ArgumentType, FFIFunction["returns"]>;

function openLibrary<Name extends SymbolName>(path: string, names: readonly Name[]): OpenLibrary<Name> {
  const functions: Record<string, FFIFunction> = {};
  for (const name of names) {
    functions[name] = { args: SYMBOLS[name].map((parameter) => TYPES[parseParameter(parameter).type]), returns: "i32" };
  }
  const library = dlopen(path, functions);
  return {
    // The table above ensures that the functions have these types.
    symbols: library.symbols as unknown as Pick<Symbols, Name>,
    close: () => library.close(),
  };
}

/** Calls `memfd_create(2)`. */
function createMemoryFile(name: string): number {
  const libc = dlopen("libc.so.6", { memfd_create: { args: ["ptr", "u32"], returns: "i32" } });
  const descriptor = libc.symbols.memfd_create(new TextEncoder().encode(`${name}\0`), 0);
  libc.close();
  return descriptor;
}

/** Bun's foreign functions. */
export const foreign: ForeignInterface = {
  runtime: "bun",
  ...(process.platform === "linux" ? { createMemoryFile } : {}),
  openLibrary,
  pointerFrom: (address) => address as unknown as Pointer,
  // Without a deallocator argument the ArrayBuffer does not own the memory (checked with Bun 1.4.5: collecting or
  // detaching it does not touch the memory).
  viewMemory: (address, bytes) => toArrayBuffer(address, 0, bytes),
};

/** The runtime this program runs in. */
export const runtime: ForeignInterface["runtime"] = foreign.runtime;
