/**
 * Turns text and chat messages into token ids, on any thread.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
import type { ChatMessage } from "./chat_message.ts";
import { ChatTemplate } from "./chat_template.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";

/** A prompt that is not token ids, and how it is encoded: a plain value, unless `templateVariables` are none. */
export interface TextPrompt {
  /** Text, or chat messages. */
  readonly prompt: string | readonly ChatMessage[];
  /** Whether text gets the special tokens that its tokenizer adds. */
  readonly addSpecialTokens: boolean;
  /** Whether what the caller writes may become special tokens; null: text may, messages may not. */
  readonly allowSpecialTokens: boolean | null;
  /** Whether the last message of a conversation is continued. */
  readonly continueFinalMessage: boolean;
  /** Further variables for the chat template. */
  readonly templateVariables: Readonly<Record<string, unknown>> | null;
  /** The most tokens that are of use. */
  readonly mostTokens: number;
}

/** Variables of a template that callers fill with text of others. */
const TEXT_VARIABLES = ["tools", "documents"];

/** Templates are compiled once per tokenizer. */
const templates = new WeakMap<Tokenizer, ChatTemplate>();

/**
 * Encode a prompt.
 *
 * @param text The prompt.
 * @param tokenizer The tokenizer.
 * @param onProgress Called every so often; what it throws ends the encoding.
 * @returns Token ids.
 * @throws {UpbeatError} `PROMPT_TOO_LONG`, `PROMPT_INVALID`, `CHAT_TEMPLATE_INVALID`, `TOKENIZER_INVALID`.
 */
export function encodeTextPrompt(text: TextPrompt, tokenizer: Tokenizer, onProgress?: () => void): number[] {
  const { prompt, addSpecialTokens, allowSpecialTokens, mostTokens } = text;
  const check = (tokens: number): void => {
    onProgress?.();
    if (tokens > mostTokens) throw promptTooLong(`more than ${mostTokens} tokens`, mostTokens);
  };
  if (typeof prompt !== "string") return encodeMessages(text, tokenizer, check);
  if (allowSpecialTokens !== false) {
    return tokenizer.encodeMarked(prompt, { addSpecialTokens, mark: null, onProgress: check });
  }
  const marked = tokenizer.literalText.markText(prompt);
  if (marked === null) throw noMark();
  return tokenizer.encodeMarked(marked.text, { addSpecialTokens, mark: marked.mark, onProgress: check });
}

function encodeMessages(text: TextPrompt, tokenizer: Tokenizer, onProgress: (tokens: number) => void): number[] {
  let template = templates.get(tokenizer);
  if (template === undefined) {
    template = ChatTemplate.fromTokenizer(tokenizer);
    templates.set(tokenizer, template);
  }
  const variables = {
    addGenerationPrompt: true,
    ...text.templateVariables,
    ...(text.continueFinalMessage ? { continueFinalMessage: true } : {}),
    messages: text.prompt as ChatMessage[],
  };
  // The template writes its special tokens itself.
  if (text.allowSpecialTokens === true) {
    return tokenizer.encodeMarked(template.render(variables), { addSpecialTokens: false, mark: null, onProgress });
  }
  const names = ["messages", ...TEXT_VARIABLES.filter((name) => name in variables)];
  const texts = Object.fromEntries(names.map((name) => [name, (variables as Record<string, unknown>)[name]]));
  const marked = tokenizer.literalText.markValue(texts);
  if (marked === null) throw noMark();
  const { value, mark } = marked;
  return tokenizer.encodeMarked(template.render({ ...variables, ...value }), {
    addSpecialTokens: false,
    mark,
    onProgress,
  });
}

/** The most values in messages and template variables, for each token of the context, and besides. */
const VALUES_PER_TOKEN = 16;
const FREE_VALUES = 65_536;

/**
 * The most values in messages and template variables.
 *
 * @param maxContext The engine's context.
 */
export function maxPromptValues(maxContext: number): number {
  return maxContext * VALUES_PER_TOKEN + FREE_VALUES;
}

/**
 * The error for a prompt that cannot fit.
 *
 * @param size What it has, as in `"5000 messages"`.
 * @param maxContext The engine's context.
 * @returns `PROMPT_TOO_LONG`.
 */
export function promptTooLong(size: string, maxContext: number): UpbeatError {
  return new UpbeatError(
    "PROMPT_TOO_LONG",
    `the prompt has ${size}, which cannot fit the engine's context of ${maxContext} tokens: shorten the prompt, or load ` +
      "the model with a larger maxContext, and kvBlocks for it, if it allows one",
    { maxContext },
  );
}

function noMark(): UpbeatError {
  return new UpbeatError(
    "PROMPT_INVALID",
    "the prompt contains all 32 noncharacters from U+FDD0 to U+FDEF, one of which is needed to keep special tokens out: " +
      "remove them, or set allowSpecialTokens",
  );
}
