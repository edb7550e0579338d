/**
 * The prompts of a command that runs some: where they come from, and how they are read.
 *
 * @module
 */
import { ENGINE_FLAGS, modelAndArguments } from "./engine_flags.ts";
import type { FlagValues } from "./flags.ts";
import { readText } from "./terminal.ts";
import { InputError, UsageError } from "./usage.ts";

/** Where prompts come from. */
export const PROMPT_FLAGS = {
  prompt: { kind: "text", value: "TEXT", help: "the prompt, instead of the argument" },
  "prompt-ids": { kind: "ids", help: "the prompt as token ids" },
  "prompts-file": { kind: "text", value: "FILE", help: "one prompt a line, run as one batch (- for standard input)" },
  "no-special": { kind: "boolean", help: "add no special tokens to a text prompt" },
} as const;

/** How a command that runs prompts is called. */
export const PROMPT_USAGE = ["MODEL PROMPT", "MODEL --prompt-ids 1,2,3", "MODEL --prompts-file FILE"] as const;

/** Text, or token ids. */
export type CommandPrompt = string | readonly number[];

/**
 * The arguments of a command that runs prompts.
 *
 * @param command Its name.
 * @param values The flags' values.
 * @param positional The arguments.
 * @returns The model folder, and the prompt where it is an argument.
 * @throws {UsageError} Without a folder, or with an argument too many.
 */
export function modelAndPrompt(
  command: string,
  values: FlagValues<typeof ENGINE_FLAGS>,
  positional: readonly string[],
): { readonly model: string; readonly text: string | undefined } {
  const [model, text, extra] = modelAndArguments(values, positional);
  if (model === undefined) throw new UsageError(`${command} needs a MODEL folder`);
  if (extra !== undefined) {
    throw new UsageError(`unexpected argument ${JSON.stringify(extra)}; quote a prompt with spaces`);
  }
  return { model, text };
}

/**
 * Read the prompts.
 *
 * @param command The command's name.
 * @param values The flags' values.
 * @param text The prompt where it is an argument.
 * @returns One at least.
 * @throws {UsageError} Unless there is exactly one source.
 * @throws {InputError} When a file cannot be read, or has no line.
 */
export function readPrompts(
  command: string,
  values: FlagValues<typeof PROMPT_FLAGS>,
  text: string | undefined,
): CommandPrompt[] {
  const sources = [text, values.prompt, values["prompt-ids"], values["prompts-file"]];
  if (sources.filter((source) => source !== undefined).length !== 1) {
    throw new UsageError(`${command} needs exactly one of PROMPT, --prompt-ids and --prompts-file`);
  }
  const file = values["prompts-file"];
  if (file !== undefined) {
    const lines = readText(file, "--prompts-file").split(/\r?\n/);
    if (lines.at(-1) === "") lines.pop();
    if (lines.length === 0) throw new InputError(`--prompts-file: ${file} has no line`);
    return lines;
  }
  if (values["prompt-ids"] !== undefined) return [values["prompt-ids"]];
  const prompt = values.prompt ?? text!;
  return [prompt === "-" ? readText("-", "PROMPT").replace(/\r?\n$/, "") : prompt];
}
