/**
 * A vocabulary in shared memory: token to id, and id to token.
 *
 * Threads use the same memory, and one that receives a table has nothing to build, where a `Map` of 150,000 tokens takes some
 * 50 ms to build or to copy.
 *
 * @module
 */
import { showValue } from "../../../errors.ts";
import { invalidTokenizer } from "../tokenizer/tokenizer_files.ts";

/** A {@linkcode VocabularyTable} as a plain value that can be posted; its buffers are shared. */
export interface SharedVocabulary {
  /** Number of tokens. */
  readonly count: number;
  /** The highest id plus one. */
  readonly size: number;
  /** Random seed of the hash, so that colliding tokens cannot be chosen. */
  readonly seed: number;
  /** UTF-16 code units of all tokens. */
  readonly units: SharedArrayBuffer;
  /** `count + 1` int32: entry `i` is `units[offsets[i] … offsets[i + 1])`. */
  readonly offsets: SharedArrayBuffer;
  /** `count` int32: the id of each entry. */
  readonly ids: SharedArrayBuffer;
  /** `size` int32: the entry of each id, or -1. */
  readonly entries: SharedArrayBuffer;
  /** Open-addressing hash table: a power of two of int32, an entry or -1. */
  readonly slots: SharedArrayBuffer;
}

/** Maps tokens to ids and back. */
export class VocabularyTable {
  /** The plain value that another thread makes a table of. */
  readonly shared: SharedVocabulary;
  readonly #units: Uint16Array;
  readonly #offsets: Int32Array;
  readonly #ids: Int32Array;
  readonly #entries: Int32Array;
  readonly #slots: Int32Array;

  /** @param shared The plain value. */
  constructor(shared: SharedVocabulary) {
    this.shared = shared;
    this.#units = new Uint16Array(shared.units);
    this.#offsets = new Int32Array(shared.offsets);
    this.#ids = new Int32Array(shared.ids);
    this.#entries = new Int32Array(shared.entries);
    this.#slots = new Int32Array(shared.slots);
  }

  /**
   * Build a table.
   *
   * @param vocab Token to id.
   * @param most The most tokens, and the most ids.
   * @returns The table.
   * @throws {UpbeatError} TOKENIZER_INVALID for an id that is none, or is too high, or for too many tokens.
   */
  static of(vocab: Readonly<Record<string, unknown>>, most: number): VocabularyTable {
    let count = 0;
    let size = 0;
    let length = 0;
    for (const token in vocab) {
      const id = vocab[token];
      if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= most) {
        const range = `ids must be integers from 0 to ${most - 1}`;
        throw invalidTokenizer("model.vocab", `gives ${showValue(token)} the id ${showValue(id)}; ${range}`);
      }
      if (++count > most) throw invalidTokenizer("model.vocab", `has more than ${most} tokens`);
      length += token.length;
      size = Math.max(size, id + 1);
    }
    let slots = 16;
    while (slots < count * 2) slots *= 2;
    const table = new VocabularyTable({
      count,
      size,
      seed: Math.floor(Math.random() * 2 ** 31),
      units: new SharedArrayBuffer(length * 2),
      offsets: new SharedArrayBuffer((count + 1) * 4),
      ids: new SharedArrayBuffer(count * 4),
      entries: new SharedArrayBuffer(size * 4),
      slots: new SharedArrayBuffer(slots * 4),
    });
    table.#fill(vocab);
    return table;
  }

  #fill(vocab: Readonly<Record<string, unknown>>): void {
    this.#entries.fill(-1);
    this.#slots.fill(-1);
    let entry = 0;
    let at = 0;
    for (const token in vocab) {
      const id = vocab[token] as number;
      for (let i = 0; i < token.length; i++) this.#units[at++] = token.charCodeAt(i);
      this.#offsets[entry + 1] = at;
      this.#ids[entry] = id;
      this.#entries[id] = entry;
      this.#slots[this.#slotOf(token)] = entry++;
    }
  }

  /** Index of a token's slot, or of the empty slot where it belongs. */
  #slotOf(token: string): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hash = this.shared.seed;
    for (let i = 0; i < token.length; i++) hash = Math.imul(hash ^ token.charCodeAt(i), 0x01000193);
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 0x2c1b3c6d);
    let slot = (hash ^ (hash >>> 13)) & mask;
    while ((slots[slot] as number) >= 0 && !this.#isAt(slots[slot] as number, token)) slot = (slot + 1) & mask;
    return slot;
  }

  #isAt(entry: number, token: string): boolean {
    const start = this.#offsets[entry] as number;
    if ((this.#offsets[entry + 1] as number) - start !== token.length) return false;
    for (let i = 0; i < token.length; i++) if (this.#units[start + i] !== token.charCodeAt(i)) return false;
    return true;
  }

  /** Number of tokens. */
  get count(): number {
    return this.shared.count;
  }

  /** The highest id plus one. */
  get size(): number {
    return this.shared.size;
  }

  /** The length of the longest token, in UTF-16 code units. */
  get longest(): number {
    let longest = 0;
    for (let entry = 0; entry < this.count; entry++) {
      longest = Math.max(longest, (this.#offsets[entry + 1] as number) - (this.#offsets[entry] as number));
    }
    return longest;
  }

  /**
   * @param token A token.
   * @returns Its id, or undefined.
   */
  get(token: string): number | undefined {
    const entry = this.#slots[this.#slotOf(token)] as number;
    return entry < 0 ? undefined : this.#ids[entry];
  }

  /**
   * @param id An id.
   * @returns Its token, or undefined.
   */
  tokenOf(id: number): string | undefined {
    const entry = this.#entries[id] ?? -1;
    if (entry < 0) return undefined;
    const end = this.#offsets[entry + 1] as number;
    let token = "";
    for (let at = this.#offsets[entry] as number; at < end; at += 4096) {
      token += String.fromCharCode(...this.#units.subarray(at, Math.min(end, at + 4096)));
    }
    return token;
  }
}
