/**
 * Devices written in JavaScript: a module in place of a library's file.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { UpbeatError } from "../errors.ts";
import { SYMBOLS } from "./abi.ts";
import type { DeviceLibrary } from "./interface.ts";
import { requireFile } from "./library.ts";

/** The exports of a library module. */
export interface LibraryModule {
  /** Called once, on the executor's thread. */
  readonly createLibrary: () => DeviceLibrary;
}

/**
 * Whether a path names a JavaScript or TypeScript module instead of a shared library.
 *
 * @param path The path of a library.
 * @returns Whether its extension is that of a module.
 */
export function isLibraryModule(path: string): boolean {
  return /\.m?[jt]s$/.test(path);
}

/**
 * Import a module and create its library.
 *
 * @param path The module's file: it exports `createLibrary(): DeviceLibrary`.
 * @returns The library, for `openDevice({ library })`.
 * @throws {UpbeatError} `LIBRARY_NOT_FOUND`; `LIBRARY_INVALID` when the module fails, does not export `createLibrary`, or
 * its library lacks a function.
 *
 * @example
 * ```ts
 * using device = openDevice({ library: await importLibraryModule("path/to/device.ts") });
 * ```
 */
export async function importLibraryModule(path: string): Promise<DeviceLibrary> {
  const file = resolve(path);
  if (!existsSync(file)) {
    throw new UpbeatError("LIBRARY_NOT_FOUND", `The library module ${file} does not exist.`, { places: file });
  }
  requireFile(file);
  try {
    const { createLibrary } = await import(pathToFileURL(file).href) as Partial<LibraryModule>;
    if (typeof createLibrary !== "function") throw new TypeError("it exports no function createLibrary");
    const library = createLibrary();
    const missing = Object.keys(SYMBOLS).filter((name) => !(name in library.symbols));
    if (missing.length > 0) throw new TypeError(`its library lacks ${missing.join(", ")}`);
    return library;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UpbeatError(
      "LIBRARY_INVALID",
      `The library module ${file} cannot be used (${reason}): it must export createLibrary(): DeviceLibrary.`,
      { path: file, reason },
      { cause: error },
    );
  }
}
