/**
 * Limits of what a tokenizer file may ask for, far beyond what public models do.
 *
 * @module
 */
import { invalidTokenizer, isObject } from "./tokenizer_files.ts";

/** Steps of a normalizer, a pre-tokenizer, a post-processor or a decoder, nested ones included. */
const MOST_STEPS = 64;

/** The most characters of a string that a step inserts. */
const MOST_INSERTED = 256;

/** Most growth of a text: a factor (NFKC needs 18), and a number of characters. */
const GROWTH_FACTOR = 32;
const FREE_GROWTH = 4_096;

/** Ids beyond the number of tokens that a vocabulary may have. */
const FREE_IDS = 65_536;
/** The most ids of any model. */
const MOST_IDS = 4_000_000;

/** Ids beyond the model's that a tokenizer may have: padding tokens, and tokens that were added and never trained. */
const FREE_IDS_BEYOND_MODEL = 1_024;

/** Counts the steps of one field. */
export class StepCounter {
  readonly #field: string;
  #left = MOST_STEPS;

  /** @param field Path of the field, for the error. */
  constructor(field: string) {
    this.#field = field;
  }

  /**
   * Count a step.
   *
   * @throws {UpbeatError} TOKENIZER_INVALID when there are too many.
   */
  count(): void {
    if (--this.#left < 0) throw invalidTokenizer(this.#field, `has more than ${MOST_STEPS} steps`);
  }
}

/**
 * A string that a step inserts.
 *
 * @param value The string.
 * @param field Path of the field, for the error.
 * @returns The string.
 * @throws {UpbeatError} TOKENIZER_INVALID for a value that is no string, or is too long.
 */
export function insertedText(value: unknown, field: string): string {
  if (typeof value !== "string") throw invalidTokenizer(field, "must be a string");
  if (value.length <= MOST_INSERTED) return value;
  throw invalidTokenizer(field, `has ${value.length} characters; the most allowed is ${MOST_INSERTED}`);
}

/**
 * How long a text may become.
 *
 * @param length Its length, in UTF-16 code units.
 * @returns The greatest length that its steps may give it.
 */
export function mostLength(length: number): number {
  return GROWTH_FACTOR * length + FREE_GROWTH;
}

/**
 * Check that a text has not become too long.
 *
 * @param length Its length.
 * @param most The greatest length allowed.
 * @param field Path of the field whose steps make it longer.
 * @throws {UpbeatError} TOKENIZER_INVALID when it has.
 */
export function checkGrowth(length: number, most: number, field: string): void {
  if (length > most) {
    throw invalidTokenizer(field, `makes a text longer than ${most} characters: its steps multiply it`);
  }
}

/**
 * How many ids a vocabulary may have, whatever the model.
 *
 * @param tokens Number of its tokens.
 * @returns Ids must be below this.
 */
export function mostIds(tokens: number): number {
  return Math.min(4 * tokens + FREE_IDS, MOST_IDS);
}

/**
 * How many ids the tokenizer of a model may have: more than the model, as some have tokens that were added and never trained.
 *
 * @param vocabularySize The model's `vocab_size`.
 * @returns Ids must be below this.
 */
export function mostIdsOfModel(vocabularySize: number): number {
  return vocabularySize + Math.max(FREE_IDS_BEYOND_MODEL, Math.floor(vocabularySize / 8));
}

/** The most characters of a token that count, far beyond what vocabularies of models have. */
const MOST_TOKEN_CHARACTERS = 1_024;

/** How many times more text a token may stand for where the tokenizer drops some. */
const DROPPED_FACTOR = 16;

/** The parts of a tokenizer that decide how much text is in a token. */
interface TextSource {
  readonly normalizer: unknown;
  readonly preTokenizer: unknown;
  readonly model: { readonly fuseUnknown: boolean; readonly unknownToken: string | null };
  readonly addedTokens: readonly { readonly content: string; readonly lstrip: boolean; readonly rstrip: boolean }[];
}

/**
 * How much text a token may stand for.
 *
 * @param source The tokenizer.
 * @param longestToken Length of the longest token of the vocabulary.
 * @returns A number of UTF-16 code units; more than the longest token where the tokenizer drops text, such as white space.
 */
export function longestText(source: TextSource, longestToken: number): number {
  const { normalizer, preTokenizer, model, addedTokens } = source;
  const longest = addedTokens.reduce((most, { content }) => Math.max(most, content.length), Math.max(1, longestToken));
  const drops = dropsText(normalizer) || dropsText(preTokenizer) ||
    (model.fuseUnknown && model.unknownToken !== null) ||
    addedTokens.some(({ lstrip, rstrip }) => lstrip || rstrip);
  return Math.min(longest, MOST_TOKEN_CHARACTERS) * (drops ? DROPPED_FACTOR : 1);
}

/** Whether a step, or one within it, may drop text. */
function dropsText(step: unknown): boolean {
  if (Array.isArray(step)) return step.some(dropsText);
  if (!isObject(step)) return false;
  switch (step["type"]) {
    case "Sequence":
      return dropsText(step["normalizers"] ?? step["pretokenizers"]);
    case "Replace": {
      const pattern = isObject(step["pattern"]) ? step["pattern"]["String"] : null;
      return typeof pattern !== "string" || pattern.length > String(step["content"]).length;
    }
    case "Strip":
    case "StripAccents":
    case "Whitespace":
    case "WhitespaceSplit":
    case "BertPreTokenizer":
    case "CharDelimiterSplit":
      return true;
    default:
      return String(step["behavior"]).toLowerCase() === "removed";
  }
}
