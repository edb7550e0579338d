/**
 * A command of the command line.
 *
 * @module
 */
import { describeFlags, type FlagGroups } from "../flags/flags.ts";

/** One command, as in `upbeat generate`. */
export interface Command {
  /** Its name. */
  readonly name: string;
  /** What it does, in a line. */
  readonly summary: string;
  /** Its arguments, as in `MODEL [PROMPT]`; one entry per form. */
  readonly usage: readonly string[];
  /** More about it, for its help. */
  readonly details: string;
  /** Its flags. */
  readonly flags: FlagGroups;
  /**
   * Run it.
   *
   * @param args The arguments after its name, without `--help`.
   * @returns The exit code.
   */
  run(args: readonly string[]): Promise<number>;
}

/**
 * A command's help.
 *
 * @param command The command.
 * @returns Several lines.
 */
export function commandHelp(command: Command): string {
  const forms = command.usage.map((form, at) => `${at === 0 ? "Usage: " : "       "}upbeat ${command.name} ${form}`);
  return `${forms.join("\n")}\n\n${command.summary}\n\n${command.details}\n\n${describeFlags(command.flags)}\n`;
}
