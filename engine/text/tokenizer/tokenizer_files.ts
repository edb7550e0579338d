/**
 * Reads the files of a tokenizer folder. Their content is validated by its users; here it only has to be a JSON object.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { shorten, UpbeatError } from "../../../errors.ts";

/** The most characters of what is wrong with a file: parts of it are quoted. */
const MOST_QUOTED = 400;

/** A JSON object with unvalidated fields. */
export type JsonObject = Record<string, unknown>;

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
  /** The `vocab_size` of the model's `config.json`, which bounds the ids; null without one. */
  readonly vocabularySize?: number | null;
}

/**
 * Whether a value is a JSON object.
 *
 * @param value Anything.
 * @returns True for an object that is neither null nor an array.
 */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Read a text file that may be missing.
 *
 * @param path The file.
 * @returns Its text without a byte order mark; null if it does not exist.
 * @throws {UpbeatError} TOKENIZER_INVALID when it exists and cannot be read.
 */
export async function readOptionalText(path: string): Promise<string | null> {
  try {
    const text = await readFile(path, "utf8");
    return text.startsWith("\uFEFF") ? text.slice(1) : text;
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new UpbeatError("TOKENIZER_INVALID", `${path} cannot be read: ${String(error)}`, { file: path }, {
      cause: error,
    });
  }
}

/** Parses `text` as a JSON object; throws TOKENIZER_INVALID naming `path`. */
function parseObject(path: string, text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UpbeatError("TOKENIZER_INVALID", `${path} is not valid JSON: ${shorten(reason, MOST_QUOTED)}`, {
      file: path,
    }, {
      cause: error,
    });
  }
  if (!isObject(value)) {
    throw new UpbeatError("TOKENIZER_INVALID", `${path} must contain a JSON object`, { file: path });
  }
  return value;
}

/**
 * Read a JSON object from a file that may be missing.
 *
 * @param path The file.
 * @returns The object; empty if the file does not exist.
 * @throws {UpbeatError} TOKENIZER_INVALID when it exists and is not a JSON object.
 */
export async function readOptionalObject(path: string): Promise<JsonObject> {
  const text = await readOptionalText(path);
  return text === null ? {} : parseObject(path, text);
}

/**
 * Read a tokenizer folder.
 *
 * @param folder The folder with `tokenizer.json`, as Hugging Face publishes it.
 * @returns The parsed files.
 * @throws {UpbeatError} TOKENIZER_MISSING without `tokenizer.json`; TOKENIZER_INVALID when a file is not a JSON object.
 */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const path = join(folder, "tokenizer.json");
  const text = await readOptionalText(path);
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
    tokenizer: parseObject(path, text),
    vocabularySize: await readVocabularySize(join(folder, "config.json")),
    config: await readOptionalObject(join(folder, "tokenizer_config.json")),
    specialTokensMap: await readOptionalObject(join(folder, "special_tokens_map.json")),
    chatTemplate: await readOptionalText(join(folder, "chat_template.jinja")),
  };
}

/** The `vocab_size` of a model's config; whatever is wrong with that file is found when the model is read. */
async function readVocabularySize(path: string): Promise<number | null> {
  const config = await readOptionalObject(path).catch(() => ({} as JsonObject));
  const text = config["text_config"];
  const size = config["vocab_size"] ?? (isObject(text) ? text["vocab_size"] : undefined);
  return typeof size === "number" && Number.isInteger(size) && size > 0 ? size : null;
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
