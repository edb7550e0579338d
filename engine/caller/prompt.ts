/**
 * Turns prompts into checked token ids.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
import type { ChatMessage } from "../text/chat_message.ts";
import { ChatTemplate } from "../text/chat_template.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";

/** The prompt of a generation: text, token ids, or chat messages. */
export type Prompt = string | readonly number[] | Int32Array | readonly ChatMessage[];

/** How a prompt is turned into tokens. */
export interface PromptOptions {
  /** Whether the tokenizer adds special tokens to text. */
  readonly addSpecialTokens?: boolean | undefined;
  /** Whether the last message of a conversation is continued. */
  readonly continueFinalMessage?: boolean | undefined;
  /** Additional variables of the chat template. */
  readonly templateVariables?: Readonly<Record<string, unknown>> | undefined;
}

/** Templates are compiled once per tokenizer. */
const templates = new WeakMap<Tokenizer, ChatTemplate>();

/**
 * Turn a prompt into token ids.
 *
 * @param prompt Text, token ids or chat messages.
 * @param tokenizer The model's tokenizer; null where it has none.
 * @param vocabularySize Token ids must be below it.
 * @param options How text is encoded and messages are rendered.
 * @returns At least one token id.
 * @throws {UpbeatError} `PROMPT_INVALID`, `TOKENIZER_MISSING`, `CHAT_TEMPLATE_INVALID`.
 */
export function preparePrompt(
  prompt: Prompt,
  tokenizer: Tokenizer | null,
  vocabularySize: number,
  options: PromptOptions,
): Int32Array {
  const tokenIds = encodePrompt(prompt, tokenizer, options);
  if (tokenIds.length === 0) {
    throw new UpbeatError("PROMPT_INVALID", "the prompt has no tokens; it needs at least one, such as the BOS token");
  }
  for (let index = 0; index < tokenIds.length; index++) {
    const id = tokenIds[index]!;
    if (!Number.isInteger(id) || id < 0 || id >= vocabularySize) {
      throw new UpbeatError(
        "PROMPT_INVALID",
        `prompt token ${index} is ${id}; ids must be integers from 0 to ${vocabularySize - 1}`,
        { index, tokenId: String(id), vocabularySize },
      );
    }
  }
  return Int32Array.from(tokenIds);
}

function encodePrompt(prompt: Prompt, tokenizer: Tokenizer | null, options: PromptOptions): ArrayLike<number> {
  if (typeof prompt === "string") {
    return needTokenizer(tokenizer, "a text prompt").encode(prompt, {
      addSpecialTokens: options.addSpecialTokens ?? true,
    });
  }
  if (prompt instanceof Int32Array) return prompt;
  if (!Array.isArray(prompt)) {
    throw new UpbeatError("PROMPT_INVALID", `a prompt is text, token ids or chat messages, not ${typeof prompt}`);
  }
  if (!prompt.some((part) => typeof part === "object" && part !== null)) return prompt as number[];
  return encodeMessages(prompt as ChatMessage[], needTokenizer(tokenizer, "a chat"), options);
}

function encodeMessages(
  messages: readonly ChatMessage[],
  tokenizer: Tokenizer,
  options: PromptOptions,
): ArrayLike<number> {
  for (const [index, message] of messages.entries()) {
    if (typeof message?.role !== "string") {
      throw new UpbeatError("PROMPT_INVALID", `chat message ${index} has no role; each is { role, content }`, {
        index,
      });
    }
  }
  let template = templates.get(tokenizer);
  if (template === undefined) {
    template = ChatTemplate.fromTokenizer(tokenizer);
    templates.set(tokenizer, template);
  }
  const text = template.render({
    addGenerationPrompt: true,
    ...options.templateVariables,
    ...(options.continueFinalMessage ? { continueFinalMessage: true } : {}),
    messages,
  });
  // The template's text holds the special tokens already.
  return tokenizer.encode(text, { addSpecialTokens: false });
}

function needTokenizer(tokenizer: Tokenizer | null, what: string): Tokenizer {
  if (tokenizer !== null) return tokenizer;
  throw new UpbeatError(
    "TOKENIZER_MISSING",
    `${what} needs a tokenizer, and the model's folder has no tokenizer.json: add it, or give token ids`,
  );
}
