/**
 * Prompts: text, token ids or chat messages, turned into checked token ids. What is too long is refused by its size, before
 * anything is done with it; what is long goes to the text thread.
 *
 * @module
 */
import { showValue, UpbeatError } from "../../errors.ts";
import type { ChatMessage } from "../text/chat_message.ts";
import { encodeTextPrompt, maxPromptValues, promptTooLong, type TextPrompt } from "../text/prompt_encoder.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";

/** The input of a generation. */
export type Prompt = string | readonly number[] | Int32Array | readonly ChatMessage[];

/** How a prompt is turned into tokens. */
export type PromptOptions = Partial<Omit<TextPrompt, "prompt" | "mostTokens">>;

/** What a prompt is checked against. */
export interface PromptLimits {
  /** The model's tokenizer; null where it has none. */
  readonly tokenizer: Tokenizer | null;
  /** Token ids must be below it. */
  readonly vocabularySize: number;
  /** The most tokens of prompt and generation together. */
  readonly maxContext: number;
}

/** A prompt: its token ids, or one that is so long that it is encoded elsewhere. */
export type CheckedPrompt = { readonly tokenIds: Int32Array } | { readonly text: TextPrompt };

/** Characters and values of a prompt that is encoded at once: some milliseconds. */
const SHORT_CHARACTERS = 4_096;
const SHORT_VALUES = 512;

/** Milliseconds after which a template that fails is not rendered on this thread again. */
const SLOW_TEMPLATE = 20;

/** Tokenizers with such templates. */
const slowTemplates = new WeakSet<Tokenizer>();

/**
 * Check a prompt, and encode it unless it is long.
 *
 * @param prompt Text, token ids or chat messages.
 * @param options How text is encoded and messages are rendered.
 * @param limits What it is checked against.
 * @returns The prompt.
 * @throws {UpbeatError} `PROMPT_INVALID`, `PROMPT_TOO_LONG`, `TOKENIZER_MISSING`, `CHAT_TEMPLATE_INVALID`.
 */
export function checkPrompt(prompt: Prompt, options: PromptOptions, limits: PromptLimits): CheckedPrompt {
  const { tokenizer, vocabularySize, maxContext } = limits;
  if (typeof prompt !== "string" && !(prompt instanceof Int32Array) && !Array.isArray(prompt)) {
    throw new UpbeatError("PROMPT_INVALID", `a prompt is text, token ids or chat messages, not ${showValue(prompt)}`);
  }
  if (typeof prompt !== "string") {
    const hasMessages = !(prompt instanceof Int32Array) && typeof prompt[0] === "object" && prompt[0] !== null;
    if (prompt.length > maxContext) {
      throw promptTooLong(`${prompt.length} ${hasMessages ? "messages" : "tokens"}`, maxContext);
    }
    if (prompt instanceof Int32Array || !prompt.some((part) => typeof part === "object" && part !== null)) {
      return { tokenIds: checkTokenIds(prompt as readonly number[], vocabularySize) };
    }
    checkMessages(prompt as readonly ChatMessage[]);
  }
  const own = needTokenizer(tokenizer, typeof prompt === "string" ? "a text prompt" : "a chat");
  const { addSpecialTokens = true, allowSpecialTokens = null, continueFinalMessage = false } = options;
  const { templateVariables = null } = options;
  const text: TextPrompt = {
    prompt: prompt as TextPrompt["prompt"],
    addSpecialTokens,
    allowSpecialTokens,
    continueFinalMessage,
    templateVariables,
    mostTokens: maxContext,
  };
  const isLong = checkSize(text, own, maxContext);
  if (isLong || (typeof prompt !== "string" && slowTemplates.has(own))) return { text };
  return { tokenIds: checkTokenIds(encodeShort(text, own), vocabularySize) };
}

/** Encodes a prompt on this thread; the next one goes elsewhere if the chat template fails only after a long time. */
function encodeShort(text: TextPrompt, tokenizer: Tokenizer): ArrayLike<number> {
  const start = performance.now();
  try {
    return encodeTextPrompt(text, tokenizer);
  } catch (error) {
    if (performance.now() - start > SLOW_TEMPLATE) slowTemplates.add(tokenizer);
    throw error;
  }
}

/**
 * Check token ids.
 *
 * @param tokenIds The token ids.
 * @param vocabularySize They must be below it.
 * @returns A copy of them, with at least one.
 * @throws {UpbeatError} `PROMPT_INVALID`.
 */
export function checkTokenIds(tokenIds: ArrayLike<number>, vocabularySize: number): Int32Array {
  if (tokenIds.length === 0) {
    throw new UpbeatError("PROMPT_INVALID", "the prompt has no tokens; it needs at least one, such as the BOS token");
  }
  for (let index = 0; index < tokenIds.length; index++) {
    const id = tokenIds[index]!;
    if (!Number.isInteger(id) || id < 0 || id >= vocabularySize) {
      throw new UpbeatError(
        "PROMPT_INVALID",
        `prompt token ${index} is ${showValue(id)}; ids must be integers from 0 to ${vocabularySize - 1}`,
        { index, tokenId: showValue(id), vocabularySize },
      );
    }
  }
  return Int32Array.from(tokenIds);
}

function checkMessages(messages: readonly ChatMessage[]): void {
  for (const [index, message] of messages.entries()) {
    if (typeof message?.role === "string") continue;
    throw new UpbeatError("PROMPT_INVALID", `chat message ${index} has no role; each is { role, content }`, { index });
  }
}

/** Refuses what cannot fit the context; returns whether the prompt is long. */
function checkSize({ prompt, templateVariables }: TextPrompt, tokenizer: Tokenizer, maxContext: number): boolean {
  const mostCharacters = maxContext * tokenizer.charactersPerToken;
  const mostValues = maxPromptValues(maxContext);
  const size = { characters: 0, values: 0 };
  addSize(prompt, size, mostCharacters, mostValues);
  addSize(templateVariables, size, mostCharacters, mostValues);
  if (size.characters > mostCharacters) {
    throw promptTooLong(
      `more than ${mostCharacters} characters (${tokenizer.charactersPerToken} for each token at most)`,
      maxContext,
    );
  }
  if (size.values > mostValues) throw promptTooLong(`more than ${mostValues} values`, maxContext);
  return size.characters > SHORT_CHARACTERS || size.values > SHORT_VALUES;
}

/** Adds the characters and values of plain data, until there are too many. */
function addSize(
  value: unknown,
  size: { characters: number; values: number },
  mostCharacters: number,
  mostValues: number,
): void {
  const open: unknown[] = [value];
  while (open.length > 0 && size.characters <= mostCharacters && size.values <= mostValues) {
    const next = open.pop();
    size.values++;
    if (typeof next === "string") size.characters += next.length;
    else if (Array.isArray(next)) {
      size.values += next.length;
      if (size.values <= mostValues) { for (const item of next) open.push(item); }
    } else if (typeof next === "object" && next !== null) {
      for (const key in next) {
        size.characters += key.length;
        open.push((next as Record<string, unknown>)[key]);
        if (++size.values > mostValues) break;
      }
    }
  }
}

function needTokenizer(tokenizer: Tokenizer | null, what: string): Tokenizer {
  if (tokenizer !== null) return tokenizer;
  throw new UpbeatError(
    "TOKENIZER_MISSING",
    `${what} needs a tokenizer, and the model's folder has no tokenizer.json: add it, or give token ids`,
  );
}
