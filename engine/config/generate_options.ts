/**
 * The options of `engine.generate`.
 *
 * To add one, add an entry here and use it: see `engine/config/option.ts` for what follows from the entry.
 *
 * @module
 */
import { MAX_INT32 } from "./checks.ts";
import { abortSignal, boolean, type Given, integer, record, texts, tokenIds } from "./option.ts";
import { SAMPLING_OPTIONS } from "./sampling_options.ts";
import { TRACKING_OPTIONS } from "./tracking.ts";

/** The most stop strings a request may have. */
export const MAX_STOP_STRINGS = 64;

/** The most characters that they may have together. */
export const MAX_STOP_CHARACTERS = 65_536;

/** The most stop tokens a request may have. */
export const MAX_STOP_TOKENS = 1024;

/** The default of `maxTokens`: enough to see what a model does, and an end for one that does not end by itself. */
export const DEFAULT_MAX_TOKENS = 256;

/** The options of one generation. */
export const GENERATE_OPTIONS = {
  /** Tokens to generate, at most. Default: 256, or fewer where the context ends before. */
  maxTokens: integer({
    min: 1,
    max: MAX_INT32,
    defaultText: `${DEFAULT_MAX_TOKENS}, or fewer where the context ends before`,
    help: "generate at most N tokens",
  }),
  ...SAMPLING_OPTIONS,
  /**
   * Strings that end the generation; they are not part of its text. At most {@linkcode MAX_STOP_STRINGS}, with
   * {@linkcode MAX_STOP_CHARACTERS} together.
   */
  stop: texts(MAX_STOP_STRINGS, MAX_STOP_CHARACTERS, { help: "end before this text; may be repeated" }),
  /** Tokens that end the generation; they are not part of its text. At most {@linkcode MAX_STOP_TOKENS}. */
  stopTokenIds: tokenIds({ help: "end at one of these tokens" }, MAX_STOP_TOKENS),
  /** Continue past end-of-sequence tokens. Default: false. */
  ignoreEos: boolean({ default: false, help: "continue past end-of-sequence tokens" }),
  /** Cancels the generation when it aborts: loops throw its reason, and the result rejects with `ABORTED`. */
  signal: abortSignal(),
  /** Whether a text prompt gets the special tokens its tokenizer adds (BOS). Default: true. */
  addSpecialTokens: boolean({ default: true, flag: "no-special", help: "add no special tokens to a text prompt" }),
  /**
   * Whether text that spells a special token becomes that token. The chat template's own text always does; without this
   * option, what is in the messages does not, so that users cannot write control tokens.
   * Default: true for a text prompt, false for chat messages.
   */
  allowSpecialTokens: boolean({
    defaultText: "true for a text prompt, false for chat messages",
    help: "let the text of chat messages become special tokens",
  }),
  /**
   * Whether a conversation that ends with a message of the assistant is continued there, instead of by a new message.
   * Default: false.
   */
  continueFinalMessage: boolean({ default: false }),
  /** Further variables for the chat template, such as `tools` or `enable_thinking`. */
  templateVariables: record<Readonly<Record<string, unknown>>>("Record<string, unknown>"),
  ...TRACKING_OPTIONS,
} as const;

/** Options of one generation; all are optional. */
export interface GenerateOptions extends Given<typeof GENERATE_OPTIONS> {}
