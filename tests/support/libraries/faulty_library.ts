/**
 * A device library that fails on command: the real one, behind a few functions that block, stall or fault.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findLibrary } from "../../../ffi/library.ts";
import { fail } from "@std/assert";

/**
 * - `"run"`: works.
 * - `"fault"`: the device faults in the next step.
 * - `"stall"`: no step completes, waiting for one times out at once, and synchronizing the device blocks until another mode
 *   is set.
 * - `"stall for good"`: synchronizing the device times out, and closing it blocks.
 * - `"hold step"`, `"hold load"`: waiting for a step, or loading a weight, blocks until another mode is set.
 */
export type LibraryMode = "run" | "fault" | "stall" | "stall for good" | "hold step" | "hold load";

/** Why the library cannot be built on this machine; null if it can. */
export const noFaultyLibrary: string | null = process.platform !== "linux"
  ? "requires Linux's linker"
  : spawnSync("cc", ["--version"]).status === 0
  ? null
  : "no C compiler";

/** A library with a failure mode. */
export class FaultyLibrary {
  /** Its file. */
  readonly path: string;

  /** @param folder Folder for its files, which are not removed. */
  constructor(folder: string) {
    const source = fileURLToPath(new URL("./faulty_library.c", import.meta.url));
    const real = findLibrary({ device: "cpu" });
    this.path = join(folder, "libupbeat_faulty.so");
    const flags = ["-shared", "-fPIC", "-Wl,-z,nodelete", `-Wl,-rpath,${dirname(real)}`, "-o", this.path];
    const { status, stderr } = spawnSync("cc", [source, real, ...flags], { encoding: "utf8" });
    if (status !== 0) fail(`the faulty library could not be built: ${stderr}`);
  }

  /** Set the failure mode. */
  set mode(mode: LibraryMode) {
    // Renamed into place, because a partly written file would be read as another mode.
    writeFileSync(`${this.path}.new`, mode);
    renameSync(`${this.path}.new`, `${this.path}.mode`);
  }

  /** Calls, oldest first: `"open"`, `"load"`, `"synchronize"`, `"graph destroy"`, `"close"`, and modes that blocked one. */
  get calls(): string[] {
    const file = `${this.path}.calls`;
    return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
  }

  /** Wait for the n-th occurrence of a call. */
  async until(call: string, count = 1): Promise<void> {
    while (this.calls.filter((other) => other === call).length < count) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}
