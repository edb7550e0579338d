/**
 * Foreign functions in Node (`node:ffi`, experimental).
 *
 * @module
 */

import process from "node:process";
import { UpbeatError } from "../errors.ts";
import { type ArgumentType, parseParameter, type SymbolName, SYMBOLS, type Symbols } from "./abi.ts";
import type { ForeignInterface, OpenLibrary } from "./interface.ts";
import type { Pointer } from "./types.ts";

/** Addresses are `pointer`, which takes bigints and null. */
const TYPES = {
  i32: "int32",
  i64: "int64",
  f32: "float32",
  device: "int32",
  stream: "int32",
  event: "int32",
  graph: "int32",
  weight: "int32",
  pointer: "pointer",
  "pointer?": "pointer",
  buffer: "buffer",
  cstring: "buffer",
} as const satisfies Record<ArgumentType, string>;

/** The part of `node:ffi` used here, so that this file type-checks on every runtime. */
interface NodeForeign {
  dlopen(
    path: string,
    functions: Record<string, { arguments: readonly string[]; return: "int32" }>,
  ): { readonly lib: { close(): void }; readonly functions: unknown };
  toArrayBuffer(pointer: bigint, bytes: number, copy: boolean): ArrayBuffer;
}

/** The first version whose `int64` takes numbers. */
const OLDEST = [26, 11] as const;

/** Loaded at the first use, because Node then prints a warning. */
function ffi(): NodeForeign {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  // Undefined where a flag turns it off.
  const module = isOld ? undefined : process.getBuiltinModule("node:ffi") as NodeForeign | undefined;
  if (module !== undefined) return module;
  throw new UpbeatError(
    "RUNTIME_UNSUPPORTED",
    `Node ${process.versions.node} lacks the node:ffi that Upbeat needs: run Node ${
      OLDEST.join(".")
    } or newer, without --no-experimental-ffi.`,
    { version: process.versions.node },
  );
}

function openLibrary<Name extends SymbolName>(path: string, names: readonly Name[]): OpenLibrary<Name> {
  const signatures: Parameters<NodeForeign["dlopen"]>[1] = {};
  for (const name of names) {
    signatures[name] = {
      arguments: SYMBOLS[name].map((parameter) => TYPES[parseParameter(parameter).type]),
      return: "int32",
    };
  }
  const { lib, functions } = ffi().dlopen(path, signatures);
  return {
    // The table above ensures that the functions have these types.
    symbols: functions as Pick<Symbols, Name>,
    close: () => lib.close(),
  };
}

/** Node's foreign functions. */
export const foreign: ForeignInterface = {
  runtime: "node",
  openLibrary,
  pointerFrom: (address) => BigInt(address) as unknown as Pointer,
  viewMemory: (address, bytes) => ffi().toArrayBuffer(BigInt(address), bytes, false),
};

/** The runtime this program runs in. */
export const runtime: ForeignInterface["runtime"] = foreign.runtime;
