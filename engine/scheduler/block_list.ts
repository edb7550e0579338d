/**
 * An ordered set of block numbers in which everything takes constant time.
 *
 * @module
 */

/** A doubly linked list of the numbers 0 to `capacity - 1`, each in it at most once, without any allocation. */
export class BlockList {
  /** Neighbours by block; the entry behind the last block is both ends of the ring. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #ends: number;
  #length = 0;

  /** @param capacity Numbers in it are below this. */
  constructor(capacity: number) {
    this.#ends = capacity;
    this.#next = new Int32Array(capacity + 1).fill(-1);
    this.#previous = new Int32Array(capacity + 1).fill(-1);
    this.#next[capacity] = capacity;
    this.#previous[capacity] = capacity;
  }

  /** How many numbers are in it. */
  get length(): number {
    return this.#length;
  }

  /** Whether a number is in it. */
  has(block: number): boolean {
    return this.#next[block] !== -1;
  }

  /** Put a number that is not in it before all others. */
  pushFront(block: number): void {
    this.#insert(block, this.#ends, this.#next[this.#ends]!);
  }

  /** Put a number that is not in it behind all others. */
  pushBack(block: number): void {
    this.#insert(block, this.#previous[this.#ends]!, this.#ends);
  }

  /** Take out the first number of a list that is not empty. */
  popFront(): number {
    const block = this.#next[this.#ends]!;
    this.remove(block);
    return block;
  }

  /** Take out a number that is in it. */
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
