/**
 * `upbeat tokenize`: text to token ids and back.
 *
 * @module
 */
import { boolean, text, tokenIds } from "../../engine/config/option.ts";
import { ChatTemplate } from "../../engine/text/chat_template.ts";
import type { ChatMessage } from "../../engine/text/chat_message.ts";
import type { ChatVariables } from "../../engine/text/chat_template.ts";
import { Tokenizer } from "../../engine/text/tokenizer/tokenizer.ts";
import { UpbeatError } from "../../errors.ts";
import type { Command } from "./command.ts";
import { parseFlags } from "../flags/flags.ts";
import { locateModel } from "../../hub/locate_model.ts";
import { modelAndText } from "./model_folder.ts";
import { print, readText } from "../terminal/terminal.ts";
import { InputError, UsageError } from "../errors.ts";

const FLAGS = {
  textsFile: text({ placeholder: "FILE", help: "a JSON file with an array of texts; - is standard input" }),
  chat: text({
    placeholder: "FILE",
    help: "a JSON file with messages, or { messages, tools, ... }: render and encode them",
  }),
  addGenerationPrompt: boolean({ help: "with --chat: end with the opening of the assistant's turn" }),
  decode: tokenIds({ help: "decode token ids" }),
  noSpecial: boolean({ help: "add no special tokens; with --decode, leave them out" }),
  json: boolean({ help: 'print an array of { "text", "ids" }' }),
} as const;

/** A text and its tokens; `ids` is null for a chat without a tokenizer. */
interface Tokenized {
  readonly text: string;
  readonly ids: readonly number[] | null;
}

/** The command. */
export const tokenize: Command = {
  name: "tokenize",
  summary: "Encode text to token ids, render a chat, or decode token ids.",
  usage: [
    "[MODEL] TEXT",
    "[MODEL] --texts-file FILE.json",
    "[MODEL] --chat FILE.json",
    "[MODEL] --decode 1,2,3",
  ],
  details:
    "MODEL is a folder with a model or a tokenizer, or a GGUF file; without it, it is the model that comes with Upbeat.\n" +
    "Prints the ids of each text on a line, the rendered chat, or the decoded text. TEXT - is standard input.\n" +
    "No special tokens are added to a rendered chat: its text has them already.",
  flags: { Flags: FLAGS },
  async run(args) {
    const { values, positional } = parseFlags(args, FLAGS);
    const given = [values.textsFile, values.chat, values.decode].filter((source) => source !== undefined);
    const { model, text: argument, extra } = modelAndText(undefined, positional, given.length > 0);
    const folder = locateModel(model);
    if (extra !== undefined) {
      throw new UsageError(`unexpected argument ${JSON.stringify(extra)}; quote a text with spaces`);
    }
    if (given.length + (argument === undefined ? 0 : 1) !== 1) {
      throw new UsageError("tokenize needs exactly one of TEXT, --texts-file, --chat and --decode");
    }
    if (values.addGenerationPrompt && values.chat === undefined) {
      throw new UsageError("--add-generation-prompt needs --chat");
    }

    const special = !values.noSpecial;
    if (values.chat !== undefined) {
      const chat = readChat(values.chat, values.addGenerationPrompt === true);
      const result = await tokenizeChat(folder, chat);
      print(values.json ? `${JSON.stringify([result])}\n` : result.text);
      return 0;
    }
    const tokenizer = await Tokenizer.load(folder);
    if (values.decode !== undefined) {
      const ids = values.decode;
      checkIds(ids, tokenizer);
      const decoded = tokenizer.decode(ids, { skipSpecialTokens: !special });
      print(values.json ? `${JSON.stringify([{ text: decoded, ids }])}\n` : `${decoded}\n`);
      return 0;
    }
    const texts = values.textsFile === undefined
      ? [argument === "-" ? readText("-", "TEXT") : argument!]
      : readTexts(values.textsFile);
    const results: Tokenized[] = texts.map((item) => ({
      text: item,
      ids: tokenizer.encode(item, { addSpecialTokens: special }),
    }));
    if (values.json) print(`${JSON.stringify(results)}\n`);
    else print(results.map(({ ids }) => `${ids!.join(",")}\n`).join(""));
    return 0;
  },
};

function checkIds(ids: readonly number[], tokenizer: Tokenizer): void {
  const outside = ids.find((id) => tokenizer.idToToken(id) === null);
  if (outside === undefined) return;
  const { vocabularySize } = tokenizer;
  throw new UpbeatError(
    "PROMPT_INVALID",
    `--decode: there is no token ${outside}; ids go up to ${vocabularySize - 1}`,
    {
      tokenId: outside,
      vocabularySize,
    },
  );
}

async function tokenizeChat(folder: string, variables: ChatVariables): Promise<Tokenized> {
  const template = await ChatTemplate.fromFolder(folder);
  const text = template.render(variables);
  try {
    const tokenizer = await Tokenizer.load(folder);
    return { text, ids: tokenizer.encode(text, { addSpecialTokens: false }) };
  } catch (error) {
    // A folder with only a template can render, too.
    if (error instanceof UpbeatError && error.code === "TOKENIZER_MISSING") return { text, ids: null };
    throw error;
  }
}

function parseJson(path: string, flag: string): unknown {
  const text = readText(path, flag);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`${flag}: ${path} is not valid JSON: ${(error as Error).message}`);
  }
}

function readTexts(path: string): string[] {
  const texts = parseJson(path, "--texts-file");
  if (!Array.isArray(texts)) throw new InputError(`--texts-file: ${path} must hold an array of texts`);
  const wrong = texts.findIndex((text) => typeof text !== "string");
  if (wrong >= 0) throw new InputError(`--texts-file: element ${wrong} of ${path} is not a text`);
  return texts as string[];
}

function isMessages(value: unknown): value is ChatMessage[] {
  return Array.isArray(value) &&
    value.every((message) => typeof message === "object" && message !== null && typeof message.role === "string");
}

/** An array of messages, or an object with `messages` and further variables under the template's names. */
function readChat(path: string, addGenerationPrompt: boolean): ChatVariables {
  const json = parseJson(path, "--chat");
  const variables = Array.isArray(json) ? { messages: json } : json;
  const messages = (variables as { messages?: unknown } | null)?.messages;
  if (!isMessages(messages)) {
    throw new InputError(
      `--chat: ${path} must hold messages, as in [{ "role": "user", "content": "Hi" }], or { "messages": [...] }`,
    );
  }
  const rest = variables as Record<string, unknown>;
  return { ...rest, messages, ...(addGenerationPrompt ? { add_generation_prompt: true } : {}) };
}
