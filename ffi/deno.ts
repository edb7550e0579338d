/**
 * Foreign functions in Deno.
 *
 * @module
 */

import { type ArgumentType, parseParameter, type SymbolName, SYMBOLS, type Symbols } from "./abi.ts";
import type { ForeignInterface, OpenLibrary } from "./interface.ts";
import type { Pointer } from "./types.ts";

/**
 * Addresses are `pointer`: Deno's fast calls take only pointer objects and small scalars (checked with Deno 2.9.6: 6 to
 * 20 ns a call, where an `i64`, `u64` or `usize` costs 100 ns and more).
 */
const TYPES = {
  i32: "i32",
  i64: "i64",
  f32: "f32",
  device: "i32",
  stream: "i32",
  event: "i32",
  graph: "i32",
  weight: "i32",
  pointer: "pointer",
  "pointer?": "pointer",
  buffer: "buffer",
  cstring: "buffer",
} as const satisfies Record<ArgumentType, string>;

/** The part of the `Deno` namespace used here, so that this file type-checks without Deno's types. */
interface DenoForeign {
  dlopen(
    path: string,
    functions: Record<string, { parameters: readonly string[]; result: "i32" }>,
  ): { readonly symbols: unknown; close(): void };
  readonly UnsafePointer: { create(address: bigint): Pointer | null };
  readonly UnsafePointerView: { getArrayBuffer(pointer: Pointer, bytes: number): ArrayBuffer };
}

const { Deno: deno } = globalThis as unknown as { readonly Deno: DenoForeign };

function openLibrary<Name extends SymbolName>(path: string, names: readonly Name[]): OpenLibrary<Name> {
  const functions: Parameters<DenoForeign["dlopen"]>[1] = {};
  for (const name of names) {
    functions[name] = {
      parameters: SYMBOLS[name].map((parameter) => TYPES[parseParameter(parameter).type]),
      result: "i32",
    };
  }
  const library = deno.dlopen(path, functions);
  return {
    // The table above ensures that the functions have these types.
    symbols: library.symbols as Pick<Symbols, Name>,
    close: () => library.close(),
  };
}

function pointerFrom(address: number): Pointer {
  // Null only for address 0, which no caller passes.
  return deno.UnsafePointer.create(BigInt(address)) as Pointer;
}

/** Deno's foreign functions. */
export const foreign: ForeignInterface = {
  runtime: "deno",
  openLibrary,
  pointerFrom,
  viewMemory: (address, bytes) => deno.UnsafePointerView.getArrayBuffer(pointerFrom(address), bytes),
};

/** The runtime this program runs in. */
export const runtime: ForeignInterface["runtime"] = foreign.runtime;
