/**
 * Bookkeeping of the paged KV cache: reference counts and the free list (Kwon et al. 2023, PagedAttention).
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
import { BlockList } from "./block_list.ts";

/**
 * A pool of KV blocks of equal size. A block holds the keys and values of `blockSize` consecutive tokens, in all layers.
 * The pool hands out indices; the memory belongs to the device.
 *
 * A block may have several holders. A block without holders is available. If its content is *kept* for later requests with
 * the same tokens, it is reclaimed only when no other block is left, the least recently released one first.
 */
export class KvBlockPool {
  /** Tokens per block. */
  readonly blockSize: number;
  /** Blocks in the pool. */
  readonly totalBlocks: number;
  /** Called when a block with kept content is reclaimed. */
  onReclaim: (block: number) => void = () => {};

  /** In order of allocation: blocks without content, most recently freed first; then kept ones. */
  readonly #available: BlockList;
  /** Holders of each block. */
  readonly #holders: Int32Array;
  readonly #isKept: Uint8Array;
  #cachedBlocks = 0;

  /**
   * @param totalBlocks Blocks in the pool, at least 1.
   * @param blockSize Tokens per block, at least 1.
   */
  constructor(totalBlocks: number, blockSize: number) {
    this.totalBlocks = totalBlocks;
    this.blockSize = blockSize;
    this.#holders = new Int32Array(totalBlocks);
    this.#isKept = new Uint8Array(totalBlocks);
    this.#available = new BlockList(totalBlocks);
    for (let block = 0; block < totalBlocks; block++) this.#available.pushBack(block);
  }

  /** Blocks without holders, kept ones included: this many can be allocated. */
  get availableBlocks(): number {
    return this.#available.length;
  }

  /** Blocks with a holder. */
  get usedBlocks(): number {
    return this.totalBlocks - this.#available.length;
  }

  /** Blocks without holders whose content is kept. */
  get cachedBlocks(): number {
    return this.#cachedBlocks;
  }

  /**
   * Number of blocks that a sequence takes.
   *
   * @param tokens Length of the sequence.
   * @returns Blocks; the last one may be partly used.
   */
  blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.blockSize);
  }

  /**
   * Whether a number of blocks can be allocated now.
   *
   * @param count Blocks wanted.
   */
  canAllocate(count: number): boolean {
    return count <= this.#available.length;
  }

  /** Whether a block has a holder. */
  isHeld(block: number): boolean {
    return this.#holders[block]! > 0;
  }

  /**
   * Allocates blocks for writing. The caller is their only holder.
   *
   * @param count Blocks wanted.
   * @returns Their indices.
   * @throws {UpbeatError} `INTERNAL` if fewer are available: the scheduler checks {@linkcode canAllocate} first.
   */
  allocate(count: number): number[] {
    if (!this.canAllocate(count)) {
      throw new UpbeatError("INTERNAL", `${count} KV blocks were requested where ${this.availableBlocks} are free`, {
        count,
        available: this.availableBlocks,
      });
    }
    return Array.from({ length: count }, () => this.#take());
  }

  #take(): number {
    const block = this.#available.popFront();
    if (this.#isKept[block] !== 0) {
      this.#isKept[block] = 0;
      this.#cachedBlocks--;
      this.onReclaim(block);
    }
    this.#holders[block] = 1;
    return block;
  }

  /**
   * Adds a holder that reads a block.
   *
   * @param block A block with a holder or with kept content.
   */
  share(block: number): void {
    if (this.#holders[block]!++ > 0) return;
    this.#available.remove(block);
    this.#cachedBlocks--;
  }

  /**
   * Keeps a block's content after its last holder releases it. It must not be written from now on.
   *
   * @param block A block with a holder.
   */
  keep(block: number): void {
    this.#isKept[block] = 1;
  }

  /**
   * Releases blocks. Device work that uses them must be ordered before whatever the next holder enqueues.
   *
   * @param blocks Blocks of one sequence, in order. The last one becomes available first, so that what remains cached of a
   * sequence is always its beginning.
   * @throws {UpbeatError} `INTERNAL` if one of them has no holder.
   */
  release(blocks: readonly number[]): void {
    for (let index = blocks.length - 1; index >= 0; index--) {
      const block = blocks[index]!;
      if (!this.isHeld(block)) throw new UpbeatError("INTERNAL", `KV block ${block} was freed twice`, { block });
      if (--this.#holders[block]! > 0) continue;
      if (this.#isKept[block] === 0) {
        this.#available.pushFront(block);
      } else {
        this.#available.pushBack(block);
        this.#cachedBlocks++;
      }
    }
  }
}
