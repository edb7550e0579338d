/**
 * Whether tests run on the emulated CUDA library, where everything takes a hundred times as long: they are brief there.
 *
 * @module
 */
import { basename } from "node:path";
import process from "node:process";
import { test } from "node:test";

/** The library that `UPBEAT_LIBRARY` names. */
const library = basename(process.env["UPBEAT_LIBRARY"] ?? "");

/** Whether that is the emulated one. */
export const IS_EMULATED: boolean = library === "libupbeat_simt.so";

/**
 * One of two sizes of the same test.
 *
 * @param full For a library.
 * @param brief For the emulated one.
 * @returns The one for this run.
 */
export function sized<Size>(full: Size, brief: Size): Size {
  return IS_EMULATED ? brief : full;
}

/** A test of what only the CPU library has, threads and instruction sets; skipped by name on the CUDA library. */
export const onCpu: typeof test = skippedWhere(
  IS_EMULATED || library === "libupbeat_cuda.so",
  "it is about the CPU library",
);

/** A test that would take minutes on the emulated library; skipped by name there. */
export const notBrief: typeof test = skippedWhere(IS_EMULATED, "it would take too long on the emulator");

function skippedWhere(isSkipped: boolean, reason: string): typeof test {
  if (!isSkipped) return test;
  return ((name: string) => test.skip(`${name} (${reason})`, () => {})) as typeof test;
}
