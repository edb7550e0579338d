/**
 * Byte-pair encoding of one pre-token.
 *
 * "Neural Machine Translation of Rare Words with Subword Units", Sennrich et al. 2016, as the reference implements it:
 * symbols are token ids from the start (a character outside the vocabulary becomes its bytes or the unknown token
 * *before* merging); the pair of lowest rank merges first, the leftmost one on a tie.
 *
 * Our own, because `@huggingface/tokenizers` 0.2.0 merges strings (unknown characters take part in merges and are fused
 * afterwards), breaks ties by a fraction added to the rank, ignores `continuing_subword_prefix`, and needs seconds to
 * load a large vocabulary.
 *
 * @module
 */
import { showValue } from "../../../errors.ts";
import { PairTable } from "./pair_table.ts";
import { mostIds } from "../tokenizer/limits.ts";
import { type SharedVocabulary, VocabularyTable } from "./vocabulary_table.ts";
import { invalidTokenizer, isObject, type JsonObject } from "../tokenizer/tokenizer_files.ts";

/** A heap key is rank × 2^31 + position, a float64 that is exact below 2^53. */
const POSITION_RANGE = 2 ** 31;
/** Below this many symbols a scan for the lowest rank is faster than a heap. */
const SCAN_LIMIT = 24;
const CACHE_ENTRIES = 16384;
const CACHED_LENGTH = 64;

const encoder = new TextEncoder();

/** The most characters of a prefix or suffix. */
const MOST_AFFIX_CHARACTERS = 64;
/** The most merges per token of the vocabulary, and the most besides. */
const MERGES_PER_TOKEN = 8;
const FREE_MERGES = 1024;

/** A compiled model, as a plain value that can be posted; its buffers are shared. */
export interface SharedModel {
  readonly vocabulary: SharedVocabulary;
  /** Memory of a {@linkcode PairTable}. */
  readonly pairs: SharedArrayBuffer;
  readonly unknownToken: string | null;
  readonly fuseUnknown: boolean;
  readonly byteFallback: boolean;
  readonly ignoreMerges: boolean;
  readonly prefix: string;
  readonly suffix: string;
}

/**
 * Compile a model.
 *
 * @param model The `model` field of `tokenizer.json`. An Int32Array `ranks`, which JSON cannot have, holds the rank of each
 * merge; without it, merges rank in their order.
 * @returns The compiled model.
 * @throws {UpbeatError} TOKENIZER_INVALID for a malformed vocabulary or merge list, a merge of unknown tokens, or sizes that
 * no model has.
 */
export function compileModel(model: JsonObject): SharedModel {
  if (!isObject(model["vocab"])) throw invalidTokenizer("model.vocab", "must be an object of token to id");
  const vocabulary = VocabularyTable.of(model["vocab"], mostIds(Object.keys(model["vocab"]).length));
  const affix = (field: string): string => {
    const value = model[field];
    if (typeof value !== "string") return "";
    if (value.length > MOST_AFFIX_CHARACTERS) {
      throw invalidTokenizer(
        `model.${field}`,
        `has ${value.length} characters; the most allowed is ${MOST_AFFIX_CHARACTERS}`,
      );
    }
    return value;
  };
  const prefix = affix("continuing_subword_prefix");
  return {
    vocabulary: vocabulary.shared,
    pairs: readMerges(model["merges"], model["ranks"], vocabulary, prefix.length).shared,
    unknownToken: typeof model["unk_token"] === "string" ? model["unk_token"] : null,
    fuseUnknown: model["fuse_unk"] === true,
    byteFallback: model["byte_fallback"] === true,
    ignoreMerges: model["ignore_merges"] === true,
    prefix,
    suffix: affix("end_of_word_suffix"),
  };
}

function readMerges(
  merges: unknown,
  ranks: unknown,
  vocabulary: VocabularyTable,
  prefixLength: number,
): PairTable {
  if (!Array.isArray(merges)) throw invalidTokenizer("model.merges", "must be a list");
  const most = MERGES_PER_TOKEN * vocabulary.count + FREE_MERGES;
  if (merges.length > most) {
    throw invalidTokenizer(
      "model.merges",
      `has ${merges.length} merges for ${vocabulary.count} tokens; the most is ${most}`,
    );
  }
  const pairs = PairTable.withCapacity(merges.length);
  for (let index = 0; index < merges.length; index++) {
    const merge: unknown = merges[index];
    let left: unknown;
    let right: unknown;
    if (typeof merge === "string") {
      const space = merge.indexOf(" ");
      left = merge.slice(0, space);
      right = merge.slice(space + 1);
      if (space < 0 || (right as string).includes(" ")) {
        throw invalidTokenizer(`model.merges[${index}]`, `must be two tokens, not ${showValue(merge)}`);
      }
    } else if (Array.isArray(merge)) [left, right] = merge as unknown[];
    if (typeof left !== "string" || typeof right !== "string") {
      throw invalidTokenizer(`model.merges[${index}]`, "must be two tokens");
    }
    const leftId = vocabulary.get(left);
    const rightId = vocabulary.get(right);
    const merged = vocabulary.get(left + right.slice(prefixLength));
    if (leftId === undefined || rightId === undefined || merged === undefined) {
      throw invalidTokenizer(`model.merges[${index}]`, `names a token outside the vocabulary: ${left} ${right}`);
    }
    pairs.set(leftId, rightId, ranks instanceof Int32Array ? ranks[index]! : index, merged);
  }
  if (!pairs.isSpread()) throw invalidTokenizer("model.merges", "has ids that were chosen to make it slow");
  return pairs;
}

/** A BPE model: encodes pre-tokens to token ids. */
export class BytePairEncoder {
  /** Token to id. */
  readonly vocabulary: VocabularyTable;
  /** The `unk_token` field, or null. */
  readonly unknownToken: string | null;
  readonly #pairs: PairTable;
  readonly #unknownId: number;
  readonly #fuseUnknown: boolean;
  readonly #byteIds: Int32Array | null;
  readonly #ignoreMerges: boolean;
  readonly #prefix: string;
  readonly #suffix: string;
  readonly #cache = new Map<string, readonly number[]>();
  /** Ids of single characters, with prefix and suffix; -1 outside the vocabulary. */
  readonly #characters = new Map<string, number>();

  /** @param model The compiled model. */
  constructor(model: SharedModel) {
    this.vocabulary = new VocabularyTable(model.vocabulary);
    this.unknownToken = model.unknownToken;
    this.#unknownId = model.unknownToken === null ? -1 : this.vocabulary.get(model.unknownToken) ?? -1;
    this.#fuseUnknown = model.fuseUnknown;
    this.#ignoreMerges = model.ignoreMerges;
    this.#prefix = model.prefix;
    this.#suffix = model.suffix;
    this.#byteIds = model.byteFallback ? this.#readByteIds() : null;
    this.#pairs = new PairTable(model.pairs);
  }

  #readByteIds(): Int32Array {
    const ids = new Int32Array(256);
    for (let byte = 0; byte < 256; byte++) {
      ids[byte] = this.vocabulary.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`) ?? -1;
    }
    return ids;
  }

  /**
   * Encode one pre-token.
   *
   * @param word A pre-token: well-formed text, to which merges are confined.
   * @param output Receives the token ids.
   */
  encode(word: string, output: number[]): void {
    if (word === "") return;
    let ids = word.length > CACHED_LENGTH ? undefined : this.#cache.get(word);
    if (ids === undefined) {
      const whole = this.#ignoreMerges ? this.vocabulary.get(word) : undefined;
      ids = whole === undefined ? Array.from(this.#merge(this.#symbols(word))) : [whole];
      if (word.length <= CACHED_LENGTH) {
        if (this.#cache.size >= CACHE_ENTRIES) this.#cache.clear();
        this.#cache.set(word, ids);
      }
    }
    for (const id of ids) output.push(id);
  }

  /**
   * Encode one pre-token without merges.
   *
   * @param word A pre-token.
   * @param output Receives the token ids of its characters.
   */
  encodeCharacters(word: string, output: number[]): void {
    for (const id of this.#symbols(word)) output.push(id);
  }

  /** The symbols that merging starts from: an id per character, its bytes' ids, or the unknown token. */
  #symbols(word: string): Int32Array {
    const symbols: number[] = [];
    let pendingUnknown = false;
    let start = 0;
    for (const char of word) {
      const first = start === 0;
      start += char.length;
      let symbol = first ? char : this.#prefix + char;
      if (start === word.length) symbol += this.#suffix;
      const id = this.#characterId(symbol);
      if (id >= 0) {
        if (pendingUnknown) symbols.push(this.#unknownId);
        pendingUnknown = false;
        symbols.push(id);
      } else if (!this.#pushBytes(symbol, symbols) && this.unknownToken !== null) {
        // As in the reference, bytes do not end a run of unknown characters: its token follows them.
        if (this.#unknownId < 0) {
          throw invalidTokenizer("model.unk_token", `${this.unknownToken} is not in the vocabulary`);
        }
        if (pendingUnknown && !this.#fuseUnknown) symbols.push(this.#unknownId);
        pendingUnknown = true;
      }
    }
    if (pendingUnknown) symbols.push(this.#unknownId);
    return Int32Array.from(symbols);
  }

  #characterId(symbol: string): number {
    let id = this.#characters.get(symbol);
    if (id === undefined) {
      id = this.vocabulary.get(symbol) ?? -1;
      if (this.#characters.size >= CACHE_ENTRIES) this.#characters.clear();
      this.#characters.set(symbol, id);
    }
    return id;
  }

  /** Appends the byte tokens of a symbol, or nothing (and returns false) if one of them is missing. */
  #pushBytes(symbol: string, symbols: number[]): boolean {
    const byteIds = this.#byteIds;
    if (byteIds === null) return false;
    const bytes = encoder.encode(symbol);
    for (const byte of bytes) if ((byteIds[byte] as number) < 0) return false;
    for (const byte of bytes) symbols.push(byteIds[byte] as number);
    return true;
  }

  /** Merges in place and returns the part of the array that remains. */
  #merge(symbols: Int32Array): Int32Array {
    if (symbols.length < 2) return symbols;
    return symbols.length <= SCAN_LIMIT ? this.#mergeByScan(symbols) : this.#mergeByHeap(symbols);
  }

  #mergeByScan(symbols: Int32Array): Int32Array {
    const pairs = this.#pairs;
    let length = symbols.length;
    while (length > 1) {
      let best = -1;
      let bestRank = Infinity;
      for (let i = 0; i + 1 < length; i++) {
        const rank = pairs.rank(symbols[i] as number, symbols[i + 1] as number);
        if (rank >= 0 && rank < bestRank) {
          best = i;
          bestRank = rank;
        }
      }
      if (best < 0) break;
      symbols[best] = pairs.merged(symbols[best] as number, symbols[best + 1] as number);
      symbols.copyWithin(best + 1, best + 2, length);
      length--;
    }
    return symbols.subarray(0, length);
  }

  /** O(n log n): a linked list of symbols and a heap of mergeable pairs; stale entries are skipped when popped. */
  #mergeByHeap(symbols: Int32Array): Int32Array {
    const pairs = this.#pairs;
    const count = symbols.length;
    const next = new Int32Array(count);
    const previous = new Int32Array(count);
    const heap = new KeyHeap(count);
    for (let i = 0; i < count; i++) {
      next[i] = i + 1;
      previous[i] = i - 1;
    }
    const offer = (left: number, right: number): void => {
      const rank = pairs.rank(symbols[left] as number, symbols[right] as number);
      if (rank >= 0) heap.push(rank * POSITION_RANGE + left);
    };
    for (let i = 0; i + 1 < count; i++) offer(i, i + 1);
    while (heap.size > 0) {
      const key = heap.pop();
      const rank = Math.floor(key / POSITION_RANGE);
      const left = key - rank * POSITION_RANGE;
      const right = next[left] as number;
      // A symbol that was merged into its left neighbour is -2, which forms no pair with a rank.
      if (right >= count || pairs.rank(symbols[left] as number, symbols[right] as number) !== rank) continue;
      symbols[left] = pairs.merged(symbols[left] as number, symbols[right] as number);
      symbols[right] = -2;
      const after = next[right] as number;
      next[left] = after;
      if (after < count) {
        previous[after] = left;
        offer(left, after);
      }
      const before = previous[left] as number;
      if (before >= 0) offer(before, left);
    }
    let length = 0;
    for (let i = 0; i < count; i = next[i] as number) symbols[length++] = symbols[i] as number;
    return symbols.subarray(0, length);
  }
}

/** A binary min-heap of float64 keys. */
class KeyHeap {
  #keys: Float64Array;
  size = 0;

  constructor(capacity: number) {
    this.#keys = new Float64Array(Math.max(capacity, 16));
  }

  push(key: number): void {
    if (this.size === this.#keys.length) {
      const larger = new Float64Array(this.size * 2);
      larger.set(this.#keys);
      this.#keys = larger;
    }
    const keys = this.#keys;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((keys[parent] as number) <= key) break;
      keys[at] = keys[parent] as number;
      at = parent;
    }
    keys[at] = key;
  }

  pop(): number {
    const keys = this.#keys;
    const top = keys[0] as number;
    const key = keys[--this.size] as number;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && (keys[child + 1] as number) < (keys[child] as number)) child++;
      if ((keys[child] as number) >= key) break;
      keys[at] = keys[child] as number;
      at = child;
    }
    keys[at] = key;
    return top;
  }
}
