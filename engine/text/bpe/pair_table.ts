/**
 * The merges of a BPE model: maps a pair of token ids to its rank and the id of the merged token.
 *
 * An open-addressing hash table in typed arrays. `@huggingface/tokenizers` 0.2.0 keys a `Map` by
 * `JSON.stringify([left, right])`, which costs seconds and hundreds of megabytes for a vocabulary of 128k tokens.
 *
 * @module
 */

/** How many slots may be looked at per pair while a table is built; more only where pairs are chosen to collide. */
const MOST_PROBES = 64;

/** Maps pairs of token ids to rank and merged id. */
export class PairTable {
  /** The memory, which another thread can make a table of. */
  readonly shared: SharedArrayBuffer;
  readonly #mask: number;
  /** Four words per slot: left id (-1 if empty), right id, rank, merged id. */
  readonly #slots: Int32Array;

  /**
   * @param shared The memory of a table.
   * @param slots A view of it; a copy, unless given.
   */
  constructor(shared: SharedArrayBuffer, slots: Int32Array = new Int32Array(new Int32Array(shared))) {
    this.shared = shared;
    this.#slots = slots;
    this.#mask = this.#slots.length / 4 - 1;
  }

  /**
   * An empty table.
   *
   * @param capacity Maximum number of pairs.
   * @returns The table.
   */
  static withCapacity(capacity: number): PairTable {
    let slots = 16;
    while (slots < capacity * 2) slots *= 2;
    const shared = new SharedArrayBuffer(slots * 16);
    const table = new PairTable(shared, new Int32Array(shared));
    table.#slots.fill(-1);
    return table;
  }

  /**
   * Whether its pairs are spread well enough for look-ups to be fast.
   *
   * @returns False for pairs that collide much more than others.
   */
  isSpread(): boolean {
    const slots = this.#slots;
    let run = 0;
    for (let at = 0; at < slots.length; at += 4) {
      run = slots[at] === -1 ? 0 : run + 1;
      if (run > MOST_PROBES * 16) return false;
    }
    return true;
  }

  /** Index of the pair's first word, or of the empty slot where it belongs. */
  #locate(left: number, right: number): number {
    const slots = this.#slots;
    let slot = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 0;
    slot = (slot ^ (slot >>> 15)) & this.#mask;
    for (;;) {
      const at = slot * 4;
      const stored = slots[at] as number;
      if (stored === -1 || (stored === left && slots[at + 1] === right)) return at;
      slot = (slot + 1) & this.#mask;
    }
  }

  /**
   * Insert or replace a pair.
   *
   * @param left Token id.
   * @param right Token id.
   * @param rank Position in the list of merges; the lowest is merged first.
   * @param merged Id of the merged token.
   */
  set(left: number, right: number, rank: number, merged: number): void {
    const at = this.#locate(left, right);
    this.#slots[at] = left;
    this.#slots[at + 1] = right;
    this.#slots[at + 2] = rank;
    this.#slots[at + 3] = merged;
  }

  /**
   * @param left Token id.
   * @param right Token id.
   * @returns The rank of the pair, or -1 when it does not merge.
   */
  rank(left: number, right: number): number {
    return this.#slots[this.#locate(left, right) + 2] as number;
  }

  /**
   * @param left Token id.
   * @param right Token id.
   * @returns The id of the merged token, or -1 when the pair does not merge.
   */
  merged(left: number, right: number): number {
    return this.#slots[this.#locate(left, right) + 3] as number;
  }
}
