/**
 * Command-line flags of the benchmarks of a model's shape.
 *
 * @module
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { benchFlags } from "../flags.ts";

/** Flags common to all of them. */
const STRINGS = ["library", "json", "seconds"] as const;

/**
 * Read a benchmark's flags and its operand, the shape. Prints the usage and exits with `--help` or wrong arguments.
 *
 * @param program Its file in `bench/gpu/`.
 * @param seconds Default of `--seconds`, the duration of the measurement.
 * @param others Further flags with a value.
 * @returns The flags, the shape's name and folder, the deadline on the clock of `performance.now()`, and a function that
 * reports progress.
 */
export function shapeFlags<const Others extends string = never>(
  program: string,
  seconds: number,
  others: readonly Others[] = [],
) {
  const own = others.map((name) => `[--${name} VALUE] `).join("");
  const usage = `bun bench/gpu/${program} SHAPE [--library FILE] [--json FILE] [--seconds N] ${own}[--tiny]`;
  const flags = benchFlags(usage, [...STRINGS, ...others], ["tiny"], 1);
  const [shape = ""] = flags._;
  if (shape === "") {
    console.error("SHAPE is missing; see --help");
    process.exit(2);
  }
  const deadline = performance.now() + Number(flags.seconds ?? seconds) * 1000;
  return {
    flags,
    shape,
    folder: fileURLToPath(new URL(`./shapes/${shape}`, import.meta.url)),
    deadline,
    reportProgress: (what: string): void => {
      console.error(`${shape}: ${what}, ${Math.round(deadline - performance.now())} ms left`);
    },
  };
}
