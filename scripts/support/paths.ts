/** Paths of a checkout. */
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** All build output. */
export const BUILD = join(ROOT, "build");
/** Reports of test runners. */
export const REPORTS = join(BUILD, "reports");

/** The Bun that runs this script. */
export const BUN = process.execPath;
/** The installed Bun, whatever runs a script or a test. */
export const INSTALLED_BUN = join(ROOT, "node_modules/bun/bin/bun.exe");
/** The installed Deno: the program itself, not its Node launcher. */
export const DENO = join(ROOT, "node_modules/deno", process.platform === "win32" ? "deno.exe" : "deno");
/** The installed TypeScript compiler's launcher; started with {@linkcode BUN}. */
export const TSC = join(ROOT, "node_modules/typescript/bin/tsc");

/** The CPU library's file. */
export const CPU_LIBRARY = libraryFile("cpu");
/** The CUDA library's file. */
export const CUDA_LIBRARY = libraryFile("cuda");
/** The file of the CUDA library on the emulator. */
export const EMULATED_LIBRARY = libraryFile("simt");

function libraryFile(name: string): string {
  if (process.platform === "win32") return join(BUILD, `upbeat_${name}.dll`);
  return join(BUILD, `libupbeat_${name}.${process.platform === "darwin" ? "dylib" : "so"}`);
}
