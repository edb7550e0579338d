/**
 * Shortens tests on the emulated CUDA library, where everything takes a hundred times as long.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { basename } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Engine } from "../../../mod.ts";

/** File name of the library in `UPBEAT_LIBRARY`. */
const library = basename(process.env["UPBEAT_LIBRARY"] ?? "");

/** Whether it is the emulated one. */
export const IS_EMULATED: boolean = library === "libupbeat_simt.so";

/**
 * Choose between two sizes of the same test.
 *
 * @param full The size for a real library.
 * @param brief The size for the emulated one.
 * @returns The size for this run.
 */
export function sized<Size>(full: Size, brief: Size): Size {
  return IS_EMULATED ? brief : full;
}

/** A test of threads and instruction sets, which only the CPU library has; skipped on the CUDA library. */
export const onCpu: typeof test = IS_EMULATED || library === "libupbeat_cuda.so"
  ? ((name: string) => test.skip(`${name} (for the CPU library only)`, () => {})) as typeof test
  : test;

/**
 * Assert that an engine uses the library file in `UPBEAT_LIBRARY`, if it is set to one: otherwise a test would silently
 * run on another library.
 *
 * @param engine An engine that was loaded without the options `library` and `device`.
 */
export function assertNamedLibrary({ info }: Engine): void {
  if (library.includes(".")) assertEquals(basename(info.libraryPath), library);
}
