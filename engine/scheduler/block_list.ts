/**
 * An ordered set of block indices in which every operation takes constant time.
 *
 * @module
 */

/** A doubly linked list of the integers 0 to `capacity - 1`, each at most once; it allocates only at construction. */
export class BlockList {
  /** Neighbours by block; the entry after the last block is the sentinel of the ring. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #ends: number;
  #length = 0;

  /** @param capacity Upper bound of its elements, exclusive. */
  constructor(capacity: number) {
    this.#ends = capacity;
    this.#next = new Int32Array(capacity + 1).fill(-1);
    this.#previous = new Int32Array(capacity + 1).fill(-1);
    this.#next[capacity] = capacity;
    this.#previous[capacity] = capacity;
  }

  /** Number of elements. */
  get length(): number {
    return this.#length;
  }

  /** Whether a block is in the list. */
  has(block: number): boolean {
    return this.#next[block] !== -1;
  }

  /** Prepends a block that is not in the list. */
  pushFront(block: number): void {
    this.#insert(block, this.#ends, this.#next[this.#ends]!);
  }

  /** Appends a block that is not in the list. */
  pushBack(block: number): void {
    this.#insert(block, this.#previous[this.#ends]!, this.#ends);
  }

  /** Removes and returns the first block; the list must not be empty. */
  popFront(): number {
    const block = this.#next[this.#ends]!;
    this.remove(block);
    return block;
  }

  /** Removes a block that is in the list. */
  remove(block: number): void {
    const before = this.#previous[block]!;
    const after = this.#next[block]!;
    this.#next[before] = after;
    this.#previous[after] = before;
    this.#next[block] = -1;
    this.#previous[block] = -1;
    this.#length--;
  }

  #insert(block: number, before: number, after: number): void {
    this.#next[block] = after;
    this.#previous[block] = before;
    this.#next[before] = block;
    this.#previous[after] = block;
    this.#length++;
  }
}
