/**
 * The prompts of a command that runs some: where they come from, and how they are read.
 *
 * @module
 */
import { BUNDLED_MODEL } from "../engine/caller/bundled_model.ts";
import type { Prompt } from "../mod.ts";
import type { ENGINE_FLAGS } from "./engine_flags.ts";
import type { FlagValues } from "./flags.ts";
import { modelAndText } from "./model_folder.ts";
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
export const PROMPT_USAGE = ["[[MODEL] PROMPT]", "[MODEL] --prompt-ids 1,2,3", "[MODEL] --prompts-file FILE"] as const;

/** What that means. */
export const PROMPT_DETAILS =
  "MODEL is a Hugging Face model folder; without it, the small one that comes with Upbeat is used.\n" +
  "Without a PROMPT, too, that one tells a story. PROMPT - is standard input, without its last line end.";

/** Without a prompt, the model that comes with Upbeat is asked for this, */
const STORY: Prompt = [{ role: "user", content: "Tell me a story." }];
/** and may take this many tokens to the end of its story: nearly its whole context. */
const STORY_TOKENS = 480;

/** What to run. */
export interface CommandPrompts {
  /** The model folder. */
  readonly model: string;
  /** One at least. */
  readonly prompts: readonly Prompt[];
  /** Options that these prompts want where nothing else is said. */
  readonly defaults: { readonly maxTokens?: number };
}

/**
 * Tell model and prompts from a command's arguments and flags, and read the prompts.
 *
 * @param command The command's name.
 * @param values The flags' values.
 * @param positional The arguments.
 * @returns What to run.
 * @throws {UsageError} With an argument too many, or unless there is at most one source of prompts.
 * @throws {InputError} When a file cannot be read, or has no line.
 * @throws {UpbeatError} `MODEL_NOT_FOUND` when no folder is given and the model that comes with Upbeat is missing.
 */
export function commandPrompts(
  command: string,
  values: FlagValues<typeof ENGINE_FLAGS & typeof PROMPT_FLAGS>,
  positional: readonly string[],
): CommandPrompts {
  const flags = [values.prompt, values["prompt-ids"], values["prompts-file"]].filter((source) => source !== undefined);
  const { model, text, extra } = modelAndText(values.model, positional, flags.length > 0);
  if (extra !== undefined) {
    throw new UsageError(`unexpected argument ${JSON.stringify(extra)}; quote a prompt with spaces`);
  }
  const sources = flags.length + (text === undefined ? 0 : 1);
  if (sources === 0 && model === BUNDLED_MODEL) {
    return { model, prompts: [STORY], defaults: { maxTokens: STORY_TOKENS } };
  }
  if (sources !== 1) throw new UsageError(`${command} needs exactly one of PROMPT, --prompt-ids and --prompts-file`);
  return { model, prompts: readPrompts(values, text), defaults: {} };
}

function readPrompts(values: FlagValues<typeof PROMPT_FLAGS>, text: string | undefined): Prompt[] {
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
