/**
 * A paged KV cache on a device, filled through `upbeat_rotary_cache`.
 *
 * @module
 */

import { DTYPE, type Pointer } from "../../ffi/device.ts";
import { bfloat16 } from "./dtypes.ts";
import type { OpBench } from "./op_bench.ts";
import type { Random } from "./random.ts";

/** The shape of a cache. */
export interface CacheShape {
  readonly dtype: "F32" | "BF16";
  readonly blocks: number;
  readonly blockSize: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** A sequence in the cache. */
export interface CachedSequence {
  /** Its blocks, in order. */
  readonly blocks: readonly number[];
  readonly length: number;
  /** `[length, kvHeads * headDim]`, as rounded by the cache. */
  readonly keys: Float32Array;
  /** `[length, kvHeads * headDim]`, as rounded by the cache. */
  readonly values: Float32Array;
}

/** One layer's keys and values. What a slot has before it is written must not matter: NaN, unless told otherwise. */
export class PagedCache {
  readonly keys: Pointer;
  readonly values: Pointer;
  readonly shape: CacheShape;
  readonly #bench: OpBench;
  readonly #free: number[];

  /**
   * @param bench The device.
   * @param shape Its shape.
   * @param random Shuffles the free blocks.
   * @param stale What every slot has until it is written.
   */
  constructor(bench: OpBench, shape: CacheShape, random: Random, stale = NaN) {
    this.#bench = bench;
    this.shape = shape;
    const { dtype, blocks, blockSize, kvHeads, headDim } = shape;
    const bytes = bench.device.kvCacheBytes(DTYPE[dtype], blocks, blockSize, kvHeads, headDim);
    this.keys = bench.device.allocate(bytes).pointer;
    this.values = bench.device.allocate(bytes).pointer;
    // The padding of the library's layout, too.
    const byte = Number.isNaN(stale) ? 0xff : 0;
    bench.check(bench.symbols.upbeat_memory_fill(bench.stream, this.keys, byte, bytes));
    bench.check(bench.symbols.upbeat_memory_fill(bench.stream, this.values, byte, bytes));
    this.#free = random.permutation(blocks);
    const slots = blocks * blockSize;
    const nothing = new Float32Array(slots * kvHeads * headDim).fill(stale);
    this.#write(Int32Array.from({ length: slots }, (_, slot) => slot), nothing, nothing);
  }

  /** Allocate blocks for a sequence and write it. */
  add(keys: Float32Array, values: Float32Array): CachedSequence {
    const { blockSize, kvHeads, headDim, dtype } = this.shape;
    const length = keys.length / (kvHeads * headDim);
    const blocks = this.#free.splice(0, Math.ceil(length / blockSize));
    this.#write(slotsOf(blocks, blockSize, length), keys, values);
    const rounded = (vector: Float32Array) => dtype === "BF16" ? vector.map(bfloat16) : vector;
    return { blocks, length, keys: rounded(keys), values: rounded(values) };
  }

  /** Allocate blocks for a sequence that the caller writes. */
  reserve(length: number): number[] {
    return this.#free.splice(0, Math.ceil(length / this.shape.blockSize));
  }

  /** At position 0 the rotary embedding is the identity, so the written values are known exactly. */
  #write(slots: Int32Array, keys: Float32Array, values: Float32Array): void {
    const { kvHeads, headDim, dtype, blockSize } = this.shape;
    const bench = this.#bench;
    const width = kvHeads * headDim;
    const qkv = new Float32Array(slots.length * 3 * width);
    for (let row = 0; row < slots.length; row++) {
      qkv.set(keys.subarray(row * width, (row + 1) * width), (row * 3 + 1) * width);
      qkv.set(values.subarray(row * width, (row + 1) * width), (row * 3 + 2) * width);
    }
    const identity = new Float32Array(headDim).fill(1, 0, headDim / 2);
    bench.check(bench.symbols.upbeat_rotary_cache(
      bench.stream,
      bench.upload(qkv),
      bench.upload(new Int32Array(slots.length)),
      bench.upload(slots),
      bench.upload(identity),
      null,
      null,
      1e-6,
      slots.length,
      kvHeads,
      kvHeads,
      headDim,
      this.keys,
      this.values,
      DTYPE[dtype],
      blockSize,
    ));
  }
}

/**
 * The slot of each token of a sequence.
 *
 * @param blocks The sequence's blocks.
 * @param blockSize Tokens per block.
 * @param length Tokens.
 * @returns block * blockSize + offset of each.
 */
export function slotsOf(blocks: readonly number[], blockSize: number, length: number): Int32Array {
  return Int32Array.from(
    { length },
    (_, token) => blocks[Math.floor(token / blockSize)]! * blockSize + token % blockSize,
  );
}

/** One request of an attention call. */
export interface AttentionRequest {
  readonly blocks: readonly number[];
  /** Tokens that it sees, its query rows included. */
  readonly length: number;
  /** `[rows, heads * headDim]`. */
  readonly queries: Float32Array;
}

/** Parameters of an attention call. */
export interface AttentionCall {
  readonly heads: number;
  readonly scale: number;
  readonly slidingWindow: number;
  /** Elements from one query row to the next, at least heads * headDim. */
  readonly queryStride?: number;
  /** Rows after those of the requests, which are not computed. */
  readonly extraRows?: number;
}

/**
 * Run `upbeat_attention` over a ragged batch.
 *
 * @param bench The device.
 * @param cache The cache.
 * @param requests The batch.
 * @param call The other parameters.
 * @param run Runs the call; directly unless given.
 * @returns `[rows + extra rows, heads * headDim]`.
 */
export function runAttention(
  bench: OpBench,
  cache: PagedCache,
  requests: readonly AttentionRequest[],
  call: AttentionCall,
  run: (enqueue: () => void) => void = (enqueue) => enqueue(),
): Float32Array {
  const { kvHeads, headDim, blockSize, dtype } = cache.shape;
  const width = call.heads * headDim;
  const stride = call.queryStride ?? width;
  const starts = [0];
  for (const { queries } of requests) starts.push(starts.at(-1)! + queries.length / width);
  const rows = starts.at(-1)! + (call.extraRows ?? 0);

  const query = new Float32Array(Math.max(1, rows * stride)).fill(NaN);
  for (const [index, { queries }] of requests.entries()) {
    for (let row = 0; row < queries.length / width; row++) {
      query.set(queries.subarray(row * width, (row + 1) * width), (starts[index]! + row) * stride);
    }
  }
  // Entries after a request's blocks are arbitrary.
  const maxBlocks = Math.max(1, ...requests.map(({ blocks }) => blocks.length)) + 1;
  const tables = new Int32Array(requests.length * maxBlocks).fill(-7);
  for (const [index, { blocks }] of requests.entries()) tables.set(blocks, index * maxBlocks);

  const output = bench.output(rows * width);
  const operands = {
    query: bench.upload(query),
    tables: bench.upload(tables),
    starts: bench.upload(Int32Array.from(starts)),
    lengths: bench.upload(Int32Array.from(requests, ({ length }) => length)),
  };
  run(() =>
    bench.check(bench.symbols.upbeat_attention(
      bench.stream,
      operands.query,
      stride,
      cache.keys,
      cache.values,
      DTYPE[dtype],
      operands.tables,
      maxBlocks,
      operands.starts,
      operands.lengths,
      requests.length,
      rows,
      call.heads,
      kvHeads,
      headDim,
      blockSize,
      call.scale,
      call.slidingWindow,
      output.pointer,
    ))
  );
  return bench.floats(output);
}
