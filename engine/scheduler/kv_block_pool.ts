/**
 * The paged KV cache's bookkeeping: how many hold each block, and which ones nobody holds (Kwon et al. 2023,
 * PagedAttention).
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
import { BlockList } from "./block_list.ts";

/**
 * A pool of KV blocks of equal size. A block holds the keys and values of `blockSize` consecutive tokens, in all layers.
 * The pool hands out numbers; the memory behind them belongs to the device.
 *
 * A block has any number of holders. One that nobody holds is available; if its content is *kept*, for whoever needs the
 * same tokens again, it is handed out for something else only when no other is left, the one not held for longest first.
 */
export class KvBlockPool {
  /** Tokens per block. */
  readonly blockSize: number;
  /** Blocks in the pool. */
  readonly totalBlocks: number;
  /** Called when a block whose content was kept is handed out for something else. */
  onReclaim: (block: number) => void = () => {};

  /** In the order in which they are handed out: those without content, the last one freed first; then the kept ones. */
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

  /** Blocks nobody holds, kept ones included: this many can be taken. */
  get availableBlocks(): number {
    return this.#available.length;
  }

  /** Blocks somebody holds. */
  get usedBlocks(): number {
    return this.totalBlocks - this.#available.length;
  }

  /** Blocks nobody holds and whose content is kept. */
  get cachedBlocks(): number {
    return this.#cachedBlocks;
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
    return count <= this.#available.length;
  }

  /** Whether somebody holds a block. */
  isHeld(block: number): boolean {
    return this.#holders[block]! > 0;
  }

  /**
   * Take blocks, to write to them. The caller is the one holder of each.
   *
   * @param count Blocks wanted.
   * @returns Their numbers.
   * @throws {UpbeatError} `INTERNAL` when there are not so many: the scheduler asks {@linkcode canAllocate} first.
   */
  allocate(count: number): number[] {
    if (!this.canAllocate(count)) {
      throw new UpbeatError("INTERNAL", `${count} KV blocks were taken where ${this.availableBlocks} are free`, {
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
   * Become one more holder of a block, to read it.
   *
   * @param block A block that is held, or whose content is kept.
   */
  share(block: number): void {
    if (this.#holders[block]!++ > 0) return;
    this.#available.remove(block);
    this.#cachedBlocks--;
  }

  /**
   * Keep a block's content when nobody holds it any more. From now on nobody may write to it.
   *
   * @param block A block that is held.
   */
  keep(block: number): void {
    this.#isKept[block] = 1;
  }

  /**
   * Give blocks back. The caller has made sure that work on the device that uses them is ordered before whatever the
   * next holder enqueues.
   *
   * @param blocks Blocks of one sequence, in its order. The last one becomes available first, so that what is left of a
   * sequence is always its beginning.
   * @throws {UpbeatError} `INTERNAL` when nobody holds one of them.
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
