/**
 * Command-line flags of benchmarks.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import process from "node:process";

/**
 * Read the command line. `--help` prints the usage and exits; unknown arguments do so with code 2, so that a misspelt flag
 * does not start a benchmark of several minutes.
 *
 * @param usage The benchmark's usage.
 * @param strings Flags with a value.
 * @param booleans Flags without one.
 * @param operands Maximum number of positional arguments.
 * @returns The values of the given flags, and the positional arguments in `_`.
 *
 * @example
 * ```ts
 * const flags = benchFlags("bun run bench -- events [--rounds N]", ["rounds"]);
 * const rounds = Number(flags.rounds ?? 500);
 * ```
 */
export function benchFlags<const Strings extends string, const Booleans extends string = never>(
  usage: string,
  strings: readonly Strings[],
  booleans: readonly Booleans[] = [],
  operands = 0,
): Readonly<Partial<Record<Strings, string> & Record<Booleans, boolean>>> & { readonly _: readonly string[] } {
  const unknown: string[] = [];
  const flags = parseArgs(process.argv.slice(2), {
    string: [...strings],
    boolean: ["help", ...booleans],
    unknown: (argument, flag) => {
      if (flag === undefined && operands-- > 0) return true;
      unknown.push(argument);
      return false;
    },
  });
  if (unknown.length > 0) console.error(`unknown: ${unknown.join(" ")}`);
  if (flags["help"] === true || unknown.length > 0) {
    console.log(`Usage: ${usage}`);
    process.exit(unknown.length > 0 ? 2 : 0);
  }
  return { ...flags as Partial<Record<Strings, string> & Record<Booleans, boolean>>, _: flags._.map(String) };
}
