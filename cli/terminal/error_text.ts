/**
 * Errors in the terms of the command line.
 *
 * @module
 */
import { ENGINE_OPTIONS } from "../../engine/config/engine_options.ts";
import { GENERATE_OPTIONS } from "../../engine/config/generate_options.ts";
import { flagName, type OptionTable } from "../../engine/config/option.ts";
import { shorten } from "../../errors.ts";

/** Flags by the names of their options. Names of one word are words of the language too, and stay. */
const FLAGS: ReadonlyMap<string, string> = new Map(
  Object.entries<OptionTable[string]>({ ...ENGINE_OPTIONS, ...GENERATE_OPTIONS }).flatMap(([name, option]) => {
    const flag = /[A-Z]/.test(name) ? flagName(name, option) : null;
    return flag === null ? [] : [[name, `--${flag}`]];
  }),
);

/** Options where they are not part of a path or of a quoted value. */
const NAMES = new RegExp(`(?<![\\w/\\\\."'-])(?:${[...FLAGS.keys()].join("|")})(?![\\w/\\\\."'-])`, "g");

/**
 * An error's message on one line: with flags in place of options, and without control characters, which can come from a file
 * and move a terminal's cursor.
 *
 * @param message The message.
 * @returns The line, without its end.
 * @example
 * ```ts
 * errorText("lower maxContext"); // "lower --max-context"
 * ```
 */
export function errorText(message: string): string {
  const line = shorten(message).replaceAll(NAMES, (name) => FLAGS.get(name)!).replaceAll(/\s*\n\s*/g, " ");
  return line.replaceAll(/\p{Cc}/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
