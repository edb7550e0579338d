/**
 * Reads the files of a tokenizer folder. Their content is validated by its users; here it only has to be a JSON object.
 *
 * @module
 */
import { join } from "node:path";
import { shorten, UpbeatError } from "../../../errors.ts";
import { FILE_KINDS, isObject, type JsonObject, parseJsonObject, readTextFile } from "../../files/text_file.ts";

/** The most characters of what is wrong with a file: parts of it are quoted. */
const MOST_QUOTED = 400;

export { isObject, type JsonObject };

/** A tokenizer folder without `tokenizer.json`. */
export interface TokenizerConfig {
  /** The folder. */
  readonly folder: string;
  /** Path of `tokenizer.json`, for messages. */
  readonly path: string;
  /** `tokenizer_config.json`, or an empty object. */
  readonly config: JsonObject;
  /** `special_tokens_map.json`, or an empty object. */
  readonly specialTokensMap: JsonObject;
  /** `chat_template.jinja`, or null. */
  readonly chatTemplate: string | null;
}

/** A tokenizer folder. */
export interface TokenizerFiles extends TokenizerConfig {
  /** `tokenizer.json`; large, so a tokenizer does not keep it. */
  readonly tokenizer: JsonObject;
}

/**
 * Read a JSON object from a file that may be missing: `tokenizer_config.json` or `special_tokens_map.json`.
 *
 * @param path The file.
 * @returns The object; empty if the file does not exist.
 * @throws {UpbeatError} TOKENIZER_INVALID when it exists and is not a JSON object.
 */
export async function readOptionalObject(path: string): Promise<JsonObject> {
  const text = await readTextFile(path, FILE_KINDS.tokenizerConfig);
  return text === null ? {} : parseJsonObject(path, text, FILE_KINDS.tokenizerConfig);
}

/**
 * Read `chat_template.jinja` of a folder.
 *
 * @param folder The folder.
 * @returns The template; null if the file does not exist.
 * @throws {UpbeatError} CHAT_TEMPLATE_INVALID when it exists and cannot be read.
 */
export async function readChatTemplate(folder: string): Promise<string | null> {
  return await readTextFile(join(folder, "chat_template.jinja"), FILE_KINDS.chatTemplate);
}

/**
 * Read a tokenizer folder.
 *
 * @param folder The folder with `tokenizer.json`, as Hugging Face publishes it.
 * @returns The parsed files.
 * @throws {UpbeatError} TOKENIZER_MISSING without `tokenizer.json`; TOKENIZER_INVALID when a file is not a JSON object;
 * CHAT_TEMPLATE_INVALID when the template cannot be read.
 */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const path = join(folder, "tokenizer.json");
  const text = await readTextFile(path, FILE_KINDS.tokenizer);
  if (text === null) {
    throw new UpbeatError(
      "TOKENIZER_MISSING",
      `${path} does not exist; download the model's tokenizer.json into that folder`,
      { file: path },
    );
  }
  return {
    folder,
    path,
    tokenizer: parseJsonObject(path, text, FILE_KINDS.tokenizer),
    config: await readOptionalObject(join(folder, "tokenizer_config.json")),
    specialTokensMap: await readOptionalObject(join(folder, "special_tokens_map.json")),
    chatTemplate: await readChatTemplate(folder),
  };
}

/**
 * The error for a part of `tokenizer.json` that is malformed or cannot be reproduced exactly.
 *
 * @param field Path of the field, such as `pre_tokenizer`.
 * @param problem The rest of the sentence, such as `must be a list`.
 * @returns TOKENIZER_INVALID, without the file's path, which the caller adds.
 */
export function invalidTokenizer(field: string, problem: string): UpbeatError {
  return new UpbeatError("TOKENIZER_INVALID", `${field} ${shorten(problem, MOST_QUOTED)}`, { field });
}
