/**
 * A device library that breaks when a test says so: the real one, with a few functions in front that hold, stall or fault.
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
 * `"run"`: nothing is wrong. `"fault"`: the device faults in the next step. `"stall"`: no step ends, waiting for one times
 * out at once, and what waits for the whole device waits until another mode is set: `"stall for good"` then lets it time
 * out, and holds closing. `"hold step"`, `"hold load"`: the call that waits for a step, or that loads a weight, does not
 * return until another mode is set.
 */
export type LibraryMode = "run" | "fault" | "stall" | "stall for good" | "hold step" | "hold load";

/** Why such a library cannot be made here; null where it can. */
export const noFaultyLibrary: string | null = process.platform !== "linux"
  ? "it relies on Linux's linker"
  : spawnSync("cc", ["--version"]).status === 0
  ? null
  : "there is no C compiler";

/** A library with a switch. */
export class FaultyLibrary {
  /** Its file. */
  readonly path: string;

  /** @param folder Where to put it; it is not removed. */
  constructor(folder: string) {
    const source = fileURLToPath(new URL("./faulty_library.c", import.meta.url));
    const real = findLibrary({ device: "cpu" });
    this.path = join(folder, "libupbeat_faulty.so");
    const flags = ["-shared", "-fPIC", "-Wl,-z,nodelete", `-Wl,-rpath,${dirname(real)}`, "-o", this.path];
    const { status, stderr } = spawnSync("cc", [source, real, ...flags], { encoding: "utf8" });
    if (status !== 0) fail(`the faulty library could not be made: ${stderr}`);
  }

  /** Turn the switch. */
  set mode(mode: LibraryMode) {
    // In one step: a half-written file would be another mode for a moment.
    writeFileSync(`${this.path}.new`, mode);
    renameSync(`${this.path}.new`, `${this.path}.mode`);
  }

  /** What was called, oldest first: `"open"`, `"load"`, `"synchronize"`, `"graph destroy"`, `"close"`, and modes that held. */
  get calls(): string[] {
    const file = `${this.path}.calls`;
    return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
  }

  /** Wait until something was called for the n-th time. */
  async until(call: string, count = 1): Promise<void> {
    while (this.calls.filter((other) => other === call).length < count) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}
