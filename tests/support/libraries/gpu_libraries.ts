/**
 * The CUDA library on a GPU, and the same library on the emulator of `tests/simt/`.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { UpbeatError } from "../../../errors.ts";
import { openDevice } from "../../../ffi/device.ts";

/** A CUDA library that tests can run on. */
export interface GpuLibrary {
  /** Label in test names. */
  readonly title: string;
  /** Its file. */
  readonly path: string;
  /** Why it cannot be used on this machine; null if it can. */
  readonly missing: string | null;
}

/** Both libraries, usable or not. */
export const GPU_LIBRARIES: readonly GpuLibrary[] = [
  library("SIMT", "libupbeat_simt.so"),
  library("CUDA", "libupbeat_cuda.so"),
];

function library(title: string, name: string): GpuLibrary {
  const path = fileURLToPath(new URL(`../../../build/${name}`, import.meta.url));
  return { title, path, missing: existsSync(path) ? reasonAgainst(path) : "not built" };
}

function reasonAgainst(path: string): string | null {
  try {
    openDevice({ libraryPath: path }).close();
    return null;
  } catch (error) {
    const code = error instanceof UpbeatError ? error.code : null;
    if (code === "DEVICE_UNAVAILABLE") return "no GPU";
    if (code === "LIBRARY_VERSION_MISMATCH") return "of another version: rebuild it";
    throw error;
  }
}
