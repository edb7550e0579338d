/**
 * The prompts of a command: arguments, flags and files.
 *
 * @module
 */
import { GENERATE_OPTIONS } from "../../engine/config/generate_options.ts";
import { text, tokenIds } from "../../engine/config/option.ts";
import { BUNDLED_MODEL } from "../../engine/files/bundled_model.ts";
import type { Prompt } from "../../mod.ts";
import type { ENGINE_FLAGS } from "../flags/engine_flags.ts";
import type { FlagValues } from "../flags/flags.ts";
import { modelAndText } from "./model_folder.ts";
import { readText } from "../terminal/terminal.ts";
import { InputError, UsageError } from "../errors.ts";

/** Flags of prompts. */
export const PROMPT_FLAGS = {
  prompt: text({ help: "the prompt, instead of the argument" }),
  promptIds: tokenIds({ help: "the prompt as token ids" }),
  promptsFile: text({ placeholder: "FILE", help: "one prompt a line, run as one batch; - is standard input" }),
  addSpecialTokens: GENERATE_OPTIONS.addSpecialTokens,
} as const;

/** The forms of a command that runs prompts. */
export const PROMPT_USAGE = ["[[MODEL] PROMPT]", "[MODEL] --prompt-ids 1,2,3", "[MODEL] --prompts-file FILE"] as const;

/** An explanation of their arguments. */
export const PROMPT_DETAILS =
  "MODEL is a Hugging Face model folder, a GGUF file, or a model of another program on this machine: ORG/NAME in the\n" +
  "Hugging Face cache, ollama:NAME:TAG, lmstudio:PUBLISHER/NAME. Without it, the small model that comes with Upbeat is\n" +
  "used, which tells a story without PROMPT. PROMPT - is standard input, without its last line end.";

/** The prompt of the model that comes with Upbeat when none is given. */
const STORY: Prompt = [{ role: "user", content: "Tell me a story." }];
/** Its limit of tokens: nearly the model's whole context, so that the story can end. */
const STORY_TOKENS = 480;

/** Model and prompts of a command. */
export interface CommandPrompts {
  /** The model folder. */
  readonly model: string;
  /** At least one. */
  readonly prompts: readonly Prompt[];
  /** Options for these prompts, unless flags set them. */
  readonly defaults: { readonly maxTokens?: number };
}

/**
 * Find model and prompts among a command's arguments and flags, and read the prompts.
 *
 * @param command The command's name.
 * @param values The flags' values.
 * @param positional The arguments.
 * @returns Model and prompts.
 * @throws {UsageError} With too many arguments, or unless there is exactly one source of prompts.
 * @throws {InputError} When a file cannot be read or is empty.
 * @throws {UpbeatError} `MODEL_NOT_FOUND` when no folder is given and the model that comes with Upbeat is missing.
 */
export function commandPrompts(
  command: string,
  values: FlagValues<typeof ENGINE_FLAGS & typeof PROMPT_FLAGS>,
  positional: readonly string[],
): CommandPrompts {
  const flags = [values.prompt, values.promptIds, values.promptsFile].filter((source) => source !== undefined);
  const { model, text: argument, extra } = modelAndText(values.model, positional, flags.length > 0);
  if (extra !== undefined) {
    throw new UsageError(`unexpected argument ${JSON.stringify(extra)}; quote a prompt with spaces`);
  }
  const sources = flags.length + (argument === undefined ? 0 : 1);
  if (sources === 0 && model === BUNDLED_MODEL) {
    return { model, prompts: [STORY], defaults: { maxTokens: STORY_TOKENS } };
  }
  if (sources !== 1) throw new UsageError(`${command} needs exactly one of PROMPT, --prompt-ids and --prompts-file`);
  return { model, prompts: readPrompts(values, argument), defaults: {} };
}

function readPrompts(values: FlagValues<typeof PROMPT_FLAGS>, argument: string | undefined): Prompt[] {
  const file = values.promptsFile;
  if (file !== undefined) {
    const lines = readText(file, "--prompts-file").split(/\r?\n/);
    if (lines.at(-1) === "") lines.pop();
    if (lines.length === 0) throw new InputError(`--prompts-file: ${file} is empty`);
    return lines;
  }
  if (values.promptIds !== undefined) return [values.promptIds];
  const prompt = values.prompt ?? argument!;
  return [prompt === "-" ? readText("-", "PROMPT").replace(/\r?\n$/, "") : prompt];
}
