/**
 * The paged KV cache's bookkeeping: which blocks are free, and which belong to whom (Kwon et al. 2023, PagedAttention).
 *
 * @module
 */
import { UpbeatError } from "../errors.ts";

/**
 * A pool of KV blocks of equal size. A block holds the keys and values of `blockSize` consecutive tokens of one request,
 * in all layers. The pool hands out numbers; the memory behind them belongs to the device.
 */
export class KvBlockPool {
  /** Tokens per block. */
  readonly blockSize: number;
  /** Blocks in the pool. */
  readonly totalBlocks: number;
  /** A stack of free blocks: the one freed last is the one most likely still in the processor's cache. */
  readonly #free: Int32Array;
  readonly #isFree: Uint8Array;
  #freeCount: number;

  /**
   * @param totalBlocks Blocks in the pool, at least 1.
   * @param blockSize Tokens per block, at least 1.
   */
  constructor(totalBlocks: number, blockSize: number) {
    this.totalBlocks = totalBlocks;
    this.blockSize = blockSize;
    // Descending, so that the first blocks handed out are 0, 1, 2, ...
    this.#free = Int32Array.from({ length: totalBlocks }, (_, index) => totalBlocks - 1 - index);
    this.#isFree = new Uint8Array(totalBlocks).fill(1);
    this.#freeCount = totalBlocks;
  }

  /** Blocks nobody holds. */
  get freeBlocks(): number {
    return this.#freeCount;
  }

  /** Blocks somebody holds. */
  get usedBlocks(): number {
    return this.totalBlocks - this.#freeCount;
  }

  /**
   * How many blocks a sequence takes.
   *
   * @param tokens Length of the sequence.
   * @returns Blocks, the last one perhaps partly used.
   */
  blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.blockSize);
  }

  /**
   * Whether so many blocks can be taken now.
   *
   * @param count Blocks wanted.
   */
  canAllocate(count: number): boolean {
    return count <= this.#freeCount;
  }

  /**
   * Take blocks.
   *
   * @param count Blocks wanted.
   * @returns Their numbers.
   * @throws {UpbeatError} `INTERNAL` when there are not so many: the scheduler asks `canAllocate` first.
   */
  allocate(count: number): Int32Array {
    if (!this.canAllocate(count)) {
      throw new UpbeatError("INTERNAL", `${count} KV blocks were taken where ${this.#freeCount} are free`, { count });
    }
    const blocks = new Int32Array(count);
    for (let index = 0; index < count; index++) {
      const block = this.#free[--this.#freeCount]!;
      this.#isFree[block] = 0;
      blocks[index] = block;
    }
    return blocks;
  }

  /**
   * Give blocks back. The caller has made sure that work on the device that uses them is ordered before whatever the
   * next owner enqueues.
   *
   * @param blocks Numbers from {@linkcode allocate}.
   * @throws {UpbeatError} `INTERNAL` when one of them is free already.
   */
  release(blocks: Int32Array): void {
    for (let index = blocks.length - 1; index >= 0; index--) {
      const block = blocks[index]!;
      if (this.#isFree[block] !== 0) {
        throw new UpbeatError("INTERNAL", `KV block ${block} was freed twice`, { block });
      }
      this.#isFree[block] = 1;
      this.#free[this.#freeCount++] = block;
    }
  }
}
