/**
 * Reads the text files of a model folder: JSON and templates.
 *
 * @module
 */
import { shorten, UpbeatError } from "../../errors.ts";
import { foreignContent } from "./foreign_content.ts";
import { jsonExcess } from "./json_bounds.ts";
import type { FileKind } from "./file_kind.ts";
import { readRegularFile, readRegularFileSync } from "./regular_file.ts";

const MEBIBYTE = 2 ** 20;

/** The kinds of text files. Each bound is at least twice the size of the largest file of a public model. */
export const FILE_KINDS = {
  /** `config.json`, `generation_config.json`, `adapter_config.json`. */
  config: { code: "MODEL_CONFIG_INVALID", maxBytes: 4 * MEBIBYTE },
  /** `model.safetensors.index.json`. */
  weightIndex: { code: "WEIGHTS_INVALID", maxBytes: 32 * MEBIBYTE },
  /** `tokenizer.json`. */
  tokenizer: { code: "TOKENIZER_INVALID", maxBytes: 64 * MEBIBYTE },
  /** `tokenizer_config.json`, `special_tokens_map.json`. */
  tokenizerConfig: { code: "TOKENIZER_INVALID", maxBytes: 16 * MEBIBYTE },
  /** `chat_template.jinja`. */
  chatTemplate: { code: "CHAT_TEMPLATE_INVALID", maxBytes: 4 * MEBIBYTE },
} as const satisfies Record<string, FileKind>;

/** An object of a JSON file. */
export type JsonObject = Record<string, unknown>;

/**
 * Read a text file.
 *
 * @param path The file.
 * @param kind How large it may be, and the code of errors.
 * @returns Its text without a byte order mark; null when it does not exist.
 * @throws {UpbeatError} The kind's code for anything but a regular file, and for one that is too large, not UTF-8 or a Git
 * LFS pointer.
 */
export function readTextFileSync(path: string, kind: FileKind): string | null {
  const bytes = readRegularFileSync(path, kind);
  return bytes === null ? null : decode(path, kind, bytes);
}

/**
 * Read a text file without blocking the thread.
 *
 * @param path The file.
 * @param kind How large it may be, and the code of errors.
 * @param signal Ends the reading when it aborts.
 * @returns Its text without a byte order mark; null when it does not exist.
 * @throws {UpbeatError} As {@linkcode readTextFileSync}; the signal's reason when it aborts.
 */
export async function readTextFile(path: string, kind: FileKind, signal?: AbortSignal): Promise<string | null> {
  const bytes = await readRegularFile(path, kind, signal);
  return bytes === null ? null : decode(path, kind, bytes);
}

function decode(path: string, { code }: FileKind, bytes: Uint8Array): string {
  const foreign = foreignContent(bytes);
  if (foreign?.isPointer) throw new UpbeatError(code, `${path} is ${foreign.text}`, { file: path });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    const hint = foreign === null ? "it is not valid UTF-8; download it again" : `it is ${foreign.text}`;
    throw new UpbeatError(code, `${path} cannot be read: ${hint}`, { file: path }, { cause: error });
  }
}

/**
 * Parse the JSON object of a file.
 *
 * @param path The file, for errors.
 * @param text Its text.
 * @param kind The code of errors.
 * @returns The object.
 * @throws {UpbeatError} The kind's code when the text is not JSON, or not an object.
 */
export function parseJsonObject(path: string, text: string, { code }: FileKind): JsonObject {
  const excess = jsonExcess(text);
  if (excess !== null) throw new UpbeatError(code, `${path} cannot be read: ${excess}`, { file: path });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const foreign = foreignContent(new TextEncoder().encode(text.slice(0, 64)));
    const reason = foreign === null ? shorten((error as Error).message, 300) : `it is ${foreign.text}`;
    throw new UpbeatError(code, `${path} is not valid JSON: ${reason}`, { file: path }, { cause: error });
  }
  if (isObject(value)) return value;
  throw new UpbeatError(code, `${path} must contain a JSON object`, { file: path });
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
