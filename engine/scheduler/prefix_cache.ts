/**
 * The prefix cache: which KV blocks hold which tokens, so that a sequence that begins like an earlier one skips what has been
 * computed (as in vLLM's automatic prefix caching).
 *
 * A full block is identified by all tokens up to its end. Its key is a hash of its own tokens chained to the key of the
 * previous block; as hashes collide, a hit counts only if the tokens and the previous block are identical. The key and value
 * of a token have the same bits however they were computed, so a hit changes times, never streams.
 *
 * @module
 */
import type { KvBlockPool } from "./kv_block_pool.ts";
import type { Request } from "./request.ts";

/** A sequence of tokens. */
export type TokenSequence = Pick<Request, "tokenAt">;

/**
 * Computes the key of a block.
 *
 * @param parentKey Key of the previous block; 0 at the start of a sequence.
 * @param tokens The sequence.
 * @param start Position of the block's first token.
 * @param count Number of tokens.
 * @returns An int32.
 */
export type BlockHash = (parentKey: number, tokens: TokenSequence, start: number, count: number) => number;

/** Parent of the first block of a sequence. */
const NO_PARENT = -1;

/** Content of full blocks. Every holder of a block also holds the block before it, so no entry outlives its parent. */
export class PrefixCache {
  readonly #pool: KvBlockPool;
  readonly #hash: BlockHash;
  /** First block with a key. */
  readonly #byKey = new Map<number, number>();
  /** By block: the next one with the same key, or -1. */
  readonly #nextWithKey: Int32Array;
  readonly #keys: Int32Array;
  /** By block: the block before it, or -1. */
  readonly #parents: Int32Array;
  /** By block: its tokens. `[blocks, block size]` */
  readonly #tokens: Int32Array;

  /**
   * @param pool The pool of the blocks.
   * @param hash Replaces the default hash; any function is correct, a bad one is slow.
   */
  constructor(pool: KvBlockPool, hash: BlockHash = chainedHash) {
    this.#pool = pool;
    this.#hash = hash;
    this.#nextWithKey = new Int32Array(pool.totalBlocks).fill(-1);
    this.#keys = new Int32Array(pool.totalBlocks);
    this.#parents = new Int32Array(pool.totalBlocks);
    this.#tokens = new Int32Array(pool.totalBlocks * pool.blockSize);
    pool.onReclaim = (block) => this.#forget(block);
  }

  /**
   * Finds the cached blocks of a sequence.
   *
   * @param sequence The sequence.
   * @param tokens Number of tokens to look up.
   * @returns Full blocks from the start of the sequence; the caller must share them before use.
   */
  find(sequence: TokenSequence, tokens: number): number[] {
    const { blockSize } = this.#pool;
    const found: number[] = [];
    let parent = NO_PARENT;
    for (let end = blockSize; end <= tokens; end += blockSize) {
      const block = this.#find(parent, this.#keyOf(parent, sequence, end - blockSize), sequence, end - blockSize);
      if (block === null) break;
      found.push(block);
      parent = block;
    }
    return found;
  }

  /**
   * Registers a request's full blocks. Where a block with the same content is registered already, the request switches to
   * that block and releases its own.
   *
   * @param request A request that holds blocks.
   * @param tokens Number of its tokens that are computed and final.
   */
  register(request: Request, tokens: number): void {
    const { blockSize } = this.#pool;
    while ((request.registeredBlocks + 1) * blockSize <= tokens) {
      const index = request.registeredBlocks++;
      const block = request.blocks[index]!;
      const parent = index === 0 ? NO_PARENT : request.blocks[index - 1]!;
      const key = this.#keyOf(parent, request, index * blockSize);
      const known = this.#find(parent, key, request, index * blockSize);
      if (known === null) {
        this.#enter(block, key, parent, request, index * blockSize);
      } else {
        this.#pool.share(known);
        request.blocks[index] = known;
        this.#pool.release([block]);
      }
    }
  }

  #keyOf(parent: number, sequence: TokenSequence, start: number): number {
    return this.#hash(parent === NO_PARENT ? 0 : this.#keys[parent]!, sequence, start, this.#pool.blockSize);
  }

  #find(parent: number, key: number, sequence: TokenSequence, start: number): number | null {
    for (let block = this.#byKey.get(key) ?? -1; block !== -1; block = this.#nextWithKey[block]!) {
      if (this.#parents[block] === parent && this.#holds(block, sequence, start)) return block;
    }
    return null;
  }

  #holds(block: number, sequence: TokenSequence, start: number): boolean {
    const { blockSize } = this.#pool;
    for (let offset = 0; offset < blockSize; offset++) {
      if (this.#tokens[block * blockSize + offset] !== sequence.tokenAt(start + offset)) return false;
    }
    return true;
  }

  #enter(block: number, key: number, parent: number, sequence: TokenSequence, start: number): void {
    const { blockSize } = this.#pool;
    this.#keys[block] = key;
    this.#parents[block] = parent;
    for (let offset = 0; offset < blockSize; offset++) {
      this.#tokens[block * blockSize + offset] = sequence.tokenAt(start + offset);
    }
    this.#nextWithKey[block] = this.#byKey.get(key) ?? -1;
    this.#byKey.set(key, block);
    this.#pool.keep(block);
  }

  /** Removes a block that is being reclaimed. */
  #forget(block: number): void {
    const key = this.#keys[block]!;
    const next = this.#nextWithKey[block]!;
    this.#nextWithKey[block] = -1;
    const first = this.#byKey.get(key)!;
    if (first !== block) {
      let before = first;
      while (this.#nextWithKey[before] !== block) before = this.#nextWithKey[before]!;
      this.#nextWithKey[before] = next;
    } else if (next === -1) {
      this.#byKey.delete(key);
    } else {
      this.#byKey.set(key, next);
    }
  }
}

/** FNV-1a over whole tokens (Fowler, Noll, Vo), with a final mix (MurmurHash3's) that spreads every bit. */
function chainedHash(parentKey: number, tokens: TokenSequence, start: number, count: number): number {
  let hash = parentKey ^ 0x811c9dc5;
  for (let position = start; position < start + count; position++) {
    hash = Math.imul(hash ^ tokens.tokenAt(position), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
