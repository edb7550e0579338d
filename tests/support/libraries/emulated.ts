/**
 * Whether tests run on the emulated CUDA library, where everything takes a hundred times as long: they are brief there.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { basename } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Engine } from "../../../mod.ts";

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
export const onCpu: typeof test = IS_EMULATED || library === "libupbeat_cuda.so"
  ? ((name: string) => test.skip(`${name} (it is about the CPU library)`, () => {})) as typeof test
  : test;

/**
 * Check that an engine computes on the library that `UPBEAT_LIBRARY` names, where it names a file: a test that ran on
 * another one would say nothing of it.
 *
 * @param engine The engine; it was given neither library nor device.
 */
export function assertNamedLibrary({ info }: Engine): void {
  if (library.includes(".")) assertEquals(basename(info.libraryPath), library);
}
