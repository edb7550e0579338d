/**
 * Compiles the files of a tokenizer to a plain value that can be posted to another thread. What is large is in shared memory,
 * so that one thread can compile and others use it.
 *
 * @module
 */
import { showValue, toUpbeatError, UpbeatError } from "../../../errors.ts";
import { type AddedToken, readAddedTokens } from "./added_vocabulary.ts";
import { compileModel, type SharedModel } from "../bpe/bpe.ts";
import { VocabularyTable } from "../bpe/vocabulary_table.ts";
import { mostIds } from "./limits.ts";
import { compileNormalizer } from "./normalizer.ts";
import { compilePostProcessor, configuredSurroundings, type Surroundings } from "./post_processor.ts";
import { readSpecialTokens } from "./special_tokens.ts";
import type { SharedTokenTable } from "./token_table.ts";
import {
  invalidTokenizer,
  isObject,
  type JsonObject,
  type TokenizerConfig,
  type TokenizerFiles,
} from "./tokenizer_files.ts";

/** The most characters of a field that is compiled by each thread. */
const MOST_CHARACTERS = 262_144;

/** A compiled tokenizer. */
export interface SharedTokenizer {
  readonly config: TokenizerConfig;
  readonly model: SharedModel;
  readonly addedTokens: readonly AddedToken[];
  /** The ids added around a text. */
  readonly surroundings: Surroundings;
  /** Fields of `tokenizer.json`, which each thread compiles. */
  readonly normalizer: unknown;
  readonly preTokenizer: unknown;
  readonly decoder: unknown;
  /** The token table, where it was built. */
  readonly table: SharedTokenTable | null;
}

/**
 * Compile a tokenizer.
 *
 * @param files The parsed files of its folder.
 * @returns The compiled tokenizer, without a token table.
 * @throws {UpbeatError} TOKENIZER_INVALID for a part that is malformed or cannot be reproduced exactly.
 */
export function compileTokenizer(files: TokenizerFiles): SharedTokenizer {
  const { tokenizer, ...config } = files;
  try {
    const model = compileModel(bytePairModel(tokenizer["model"]));
    const vocabulary = new VocabularyTable(model.vocabulary);
    const normalizer = smallField(tokenizer, "normalizer");
    const addedTokens = readAddedTokens(
      tokenizer["added_tokens"],
      compileNormalizer(normalizer),
      vocabulary,
      mostIds(vocabulary.count),
    );
    const added = new Map(addedTokens.map(({ content, id }) => [content, id]));
    const special = readSpecialTokens(
      config,
      model.unknownToken,
      (token) => added.get(token) ?? vocabulary.get(token) ?? null,
    );
    const own = compilePostProcessor(tokenizer["post_processor"]);
    return {
      config,
      model,
      addedTokens,
      surroundings: configuredSurroundings(files.config, (role) => special[role]?.id ?? null, own),
      normalizer,
      preTokenizer: smallField(tokenizer, "pre_tokenizer"),
      decoder: smallField(tokenizer, "decoder"),
      table: null,
    };
  } catch (error) {
    throw inFile(error, files.path);
  }
}

/** The `model` field, which must be a BPE model; older files have no `type`. */
function bytePairModel(model: unknown): JsonObject {
  if (!isObject(model)) throw invalidTokenizer("model", "must be an object");
  const type = model["type"] ?? ("merges" in model ? "BPE" : "unknown");
  if (type !== "BPE") throw invalidTokenizer("model", `of type ${showValue(type)} is not supported, only BPE is`);
  return model;
}

/** A field that describes a few steps. */
function smallField(tokenizer: JsonObject, field: string): unknown {
  const value = tokenizer[field] ?? null;
  const { length } = JSON.stringify(value);
  if (length <= MOST_CHARACTERS) return value;
  throw invalidTokenizer(field, `has ${length} characters; the most allowed is ${MOST_CHARACTERS}`);
}

/**
 * Add the file to an error of one of its parts.
 *
 * @param error What was thrown.
 * @param path The file.
 * @returns The error, typed.
 */
export function inFile(error: unknown, path: string): UpbeatError {
  const typed = toUpbeatError(error, "TOKENIZER_INVALID");
  return new UpbeatError(typed.code, `${path}: ${typed.message}`, { ...typed.details, file: path }, { cause: error });
}
