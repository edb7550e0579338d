/**
 * Renders chat messages into the prompt format that a model was trained on.
 *
 * Templates are Jinja as configured by Hugging Face transformers: `trim_blocks`, `lstrip_blocks`, loop controls, `tojson`
 * without HTML escapes, `raise_exception` and `strftime_now`. Parser and interpreter are our own, in `jinja/`.
 *
 * @module
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { UpbeatError } from "../../errors.ts";
import { findGguf } from "../files/gguf/gguf_model.ts";
import { noModel } from "../files/model_folder.ts";
import { ChatContent, renderOpen } from "./chat_content.ts";
import type { ChatMessage } from "./chat_message.ts";
import { readGgufTokenizerConfig } from "./gguf/gguf_tokenizer.ts";
import { JinjaTemplate } from "./jinja/template.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";
import { isObject, readChatTemplate, readOptionalObject, type TokenizerConfig } from "./tokenizer/tokenizer_files.ts";

/** Variables of {@linkcode ChatTemplate.render}. */
export interface ChatVariables {
  /** The conversation. */
  readonly messages: readonly ChatMessage[];
  /** Functions that the model may call (JSON schema). */
  readonly tools?: readonly unknown[] | null;
  /** Documents to answer from. */
  readonly documents?: readonly unknown[] | null;
  /** Append the start of the assistant's turn (default false). */
  readonly addGenerationPrompt?: boolean;
  /** Leave the assistant's last message open, so that the model continues it (default false). */
  readonly continueFinalMessage?: boolean;
  /** Further variables by the template's own names, such as `enable_thinking`. */
  readonly [name: string]: unknown;
}

/** Text of the special tokens by template variable, such as `bos_token`. */
export type TemplateTokens = Readonly<Record<string, string>>;

/**
 * A model's chat template.
 *
 * The rendered text already contains its special tokens: encode it with `addSpecialTokens: false`, as
 * `apply_chat_template` does, or the model sees its BOS token twice.
 *
 * @example
 * ```ts
 * const template = await ChatTemplate.fromFolder("path/to/model");
 * const text = template.render({ messages: [{ role: "user", content: "Hi" }], addGenerationPrompt: true });
 * const ids = tokenizer.encode(text, { addSpecialTokens: false });
 * ```
 */
export class ChatTemplate {
  /** The template's source; of several named templates, the one called `default`. */
  readonly source: string;
  readonly #default: JinjaTemplate;
  /** The template for conversations with tools, if the model has a separate one. */
  readonly #toolUse: JinjaTemplate | null;
  readonly #defaultContent: ChatContent;
  readonly #toolUseContent: ChatContent | null;
  readonly #tokens: TemplateTokens;

  /**
   * @param template The source, or a list of `{ name, template }`.
   * @param tokens See {@linkcode TemplateTokens}.
   * @throws {UpbeatError} CHAT_TEMPLATE_INVALID when a template does not parse or none is the default.
   */
  constructor(template: unknown, tokens: TemplateTokens = {}) {
    const named = namedTemplates(template);
    const source = named.get("default");
    if (source === undefined) {
      throw new UpbeatError(
        "CHAT_TEMPLATE_INVALID",
        `the chat template must be a string, or a list of named templates with one called default (found: ${
          [...named.keys()].join(", ") || typeof template
        })`,
        { field: "chat_template" },
      );
    }
    this.source = source;
    this.#default = new JinjaTemplate(source);
    const toolUse = named.get("tool_use");
    this.#toolUse = toolUse === undefined ? null : new JinjaTemplate(toolUse);
    this.#tokens = tokens;
    const contentFor = (own: JinjaTemplate): ChatContent =>
      new ChatContent((messages) => own.render({ ...DEFAULTS, ...tokens, messages }, { isProbe: true }));
    this.#defaultContent = contentFor(this.#default);
    this.#toolUseContent = this.#toolUse === null ? null : contentFor(this.#toolUse);
  }

  /**
   * Read the template of a model folder or a GGUF file.
   *
   * @param folder Folder with `chat_template.jinja`, or a `tokenizer_config.json` with `chat_template`; or a GGUF file.
   * @returns The template.
   * @throws {UpbeatError} MODEL_NOT_FOUND when the folder does not exist; CHAT_TEMPLATE_INVALID when it has no template,
   * or one that does not parse.
   */
  static async fromFolder(folder: string): Promise<ChatTemplate> {
    const gguf = findGguf(folder);
    if (gguf !== null) return ChatTemplate.#fromFiles(readGgufTokenizerConfig(gguf));
    if (!(await stat(folder).catch(() => null))?.isDirectory()) throw noModel(folder);
    return ChatTemplate.#fromFiles({
      folder,
      config: await readOptionalObject(join(folder, "tokenizer_config.json")),
      specialTokensMap: await readOptionalObject(join(folder, "special_tokens_map.json")),
      chatTemplate: await readChatTemplate(folder),
    });
  }

  /**
   * The template in a tokenizer's folder.
   *
   * @param tokenizer The tokenizer.
   * @returns The template.
   * @throws {UpbeatError} CHAT_TEMPLATE_INVALID when there is none or it does not parse.
   */
  static fromTokenizer(tokenizer: Tokenizer): ChatTemplate {
    return ChatTemplate.#fromFiles(tokenizer.config);
  }

  static #fromFiles(files: Omit<TokenizerConfig, "path">): ChatTemplate {
    const { folder, config, specialTokensMap, chatTemplate } = files;
    const template = chatTemplate ?? config["chat_template"] ?? null;
    if (template === null) throw noTemplate(folder);
    return new ChatTemplate(template, templateTokens({ ...specialTokensMap, ...config }));
  }

  /**
   * Render a conversation.
   *
   * Contents are put into the form that the template takes: text, or a list of parts.
   *
   * @param variables The messages and any other variables; they take precedence over special tokens of the same name.
   * @returns The text, to be encoded with `addSpecialTokens: false`.
   * @throws {UpbeatError} CHAT_TEMPLATE_INVALID with the template's own message when it rejects the conversation, or does too
   * much; PROMPT_INVALID for messages that are not valid, a part that is not text, or nothing that could be continued.
   */
  render(variables: ChatVariables): string {
    const { addGenerationPrompt, continueFinalMessage, continue_final_message, messages, ...rest } = variables;
    const hasTools = this.#toolUse !== null && Array.isArray(rest["tools"]);
    const template = hasTools ? this.#toolUse as JinjaTemplate : this.#default;
    const content = hasTools ? this.#toolUseContent as ChatContent : this.#defaultContent;
    const isOpen = continueFinalMessage ?? continue_final_message === true;
    const render = (prepared: readonly ChatMessage[]): string =>
      template.render({
        ...DEFAULTS,
        ...this.#tokens,
        add_generation_prompt: addGenerationPrompt ?? false,
        ...rest,
        ...(isOpen ? { add_generation_prompt: false } : {}),
        messages: prepared,
      });
    const prepared = content.prepare(messages);
    return isOpen ? renderOpen(prepared, render) : render(prepared);
  }
}

/** Variables that every template sees. */
const DEFAULTS = { tools: null, documents: null, add_generation_prompt: false };

/** The error for a folder without a template. */
function noTemplate(folder: string): UpbeatError {
  return new UpbeatError(
    "CHAT_TEMPLATE_INVALID",
    `${folder} has no chat template (chat_template.jinja, or chat_template in tokenizer_config.json); pass the prompt as text`,
    { folder },
  );
}

/** Template sources by name. */
function namedTemplates(template: unknown): ReadonlyMap<string, string> {
  const named = new Map<string, string>();
  if (typeof template === "string") named.set("default", template);
  else if (Array.isArray(template)) {
    for (const entry of template as unknown[]) {
      if (isObject(entry) && typeof entry["name"] === "string" && typeof entry["template"] === "string") {
        named.set(entry["name"], entry["template"]);
      }
    }
  }
  return named;
}

/** The text of every `…_token` of a config. */
function templateTokens(config: Readonly<Record<string, unknown>>): TemplateTokens {
  const tokens: Record<string, string> = {};
  for (const name of ["bos", "eos", "unk", "sep", "pad", "cls", "mask"]) {
    const value = config[`${name}_token`];
    const text = isObject(value) ? value["content"] : value;
    if (typeof text === "string") tokens[`${name}_token`] = text;
  }
  return tokens;
}
