/**
 * How the benchmarks of a model's shape are called.
 *
 * @module
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { benchFlags } from "../flags.ts";

/** What every one of them takes. */
const STRINGS = ["library", "json", "seconds"] as const;

/**
 * Read a benchmark's flags and its one operand, the shape. With `--help`, or where something is wrong, the usage is printed
 * and the process ends.
 *
 * @param program Its file in `bench/gpu/`.
 * @param seconds For how long it measures unless `--seconds` says otherwise.
 * @param others Flags with a value that only this one has.
 * @returns The flags, the shape's name and folder, until when to measure, on the clock of `performance.now()`, and how to
 * tell of progress.
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
    console.error("SHAPE is missing: --help tells how this is called");
    process.exit(2);
  }
  const deadline = performance.now() + Number(flags.seconds ?? seconds) * 1000;
  return {
    flags,
    shape,
    folder: fileURLToPath(new URL(`./shapes/${shape}`, import.meta.url)),
    deadline,
    say: (what: string): void => {
      console.error(`${shape}: ${what}, ${Math.round(deadline - performance.now())} ms left`);
    },
  };
}
