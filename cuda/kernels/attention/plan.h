// The shapes that attention is compiled for: which warp does what, and what lies where in shared memory.
//
// The memory idea: a block has row warps times column warps. Each row warp has 16 rows of its own; the column warps of
// the same rows share out the keys of a chunk, then the dimensions of the output, so that the output fits in registers.
// Neither changes what is computed for a row:
//
//  - wide: many rows per block, for prefill. A key that comes to shared memory meets all of them.
//  - narrow: the heads of one query row, for decode. More tiles on their way: keys meet few rows, so bytes are all.
#pragma once

#include <cstdint>

#include "cuda/kernels/attention/tiles.cuh"
#include "cuda/kernels/common/elements.cuh"

namespace upbeat {

inline constexpr int kMostHeadDim = 256;
inline constexpr int kSplit = 256;  // keys whose softmax state starts afresh

// How many BF16 numbers stand for an F32.
inline constexpr int kQueryTerms = 3;    // for a query: it is their sum
inline constexpr int kSoftmaxTerms = 2;  // for a weight: to 2^-17

// Keys of one step of the online softmax: a matter of the numbers, so it depends on nothing but the cache.
__host__ __device__ constexpr int attention_chunk(int element_bytes, int head_dim) {
  return element_bytes == 2 && head_dim <= 128 ? 64 : 32;
}

// HeadDim: the least of 64, 128 and 256 that is not below the head dimension; Whole when it is that.
template <typename ElementType, int HeadDim, int RowWarps, int ColumnWarps, bool Narrow, bool Whole>
struct AttentionPlan {
  using Element = ElementType;
  static constexpr int kHeadDim = HeadDim;
  static constexpr int kRowWarps = RowWarps, kColumnWarps = ColumnWarps;
  static constexpr bool kNarrow = Narrow, kWhole = Whole;
  static constexpr int kThreads = 32 * RowWarps * ColumnWarps;
  static constexpr int kRows = kProductRows * RowWarps;
  static constexpr int kChunk = attention_chunk(int(sizeof(Element)), HeadDim);
  static constexpr int kSplitChunks = kSplit / kChunk;
  // What a warp has of a chunk's keys and of the dimensions, in columns of a product.
  static constexpr int kKeyTiles = kChunk / ColumnWarps / 8;
  static constexpr int kDimTiles = HeadDim / ColumnWarps / 8;
  static_assert(kKeyTiles % 2 == 0 && kDimTiles % 2 == 0 && kChunk <= kThreads);

  // Tiles of keys and values in shared memory, in bytes; how many there are.
  static constexpr int kKeyBytes = HeadDim * int(sizeof(Element));
  static constexpr int kTileBytes = kChunk * kKeyBytes;
  static constexpr int kStages = Narrow && kTileBytes <= 16 << 10 ? 4 : 2;

  // Shared memory: tiles [kStages]; queries [kQueryTerms][kRows][HeadDim] as BF16; where column warps share a row,
  // weights [kRowWarps][kSoftmaxTerms][16][kChunk] as BF16 and maxima [kColumnWarps][kRows]; the places of two chunks'
  // keys; which values are not numbers.
  static constexpr int kQueryBytes = HeadDim * 2, kWeightBytes = 128;
  static constexpr int kQueriesAt = kStages * kTileBytes;
  static constexpr int kWeightsAt = kQueriesAt + kQueryTerms * kRows * kQueryBytes;
  static constexpr int kMaximaAt = kWeightsAt + (ColumnWarps > 1 ? kSoftmaxTerms * kRows * kWeightBytes : 0);
  static constexpr int kPlacesAt = kMaximaAt + (ColumnWarps > 1 ? ColumnWarps * kRows * 4 : 0);
  static constexpr int kBrokenAt = kPlacesAt + 2 * kChunk * 4;
  static constexpr int kSharedBytes = kBrokenAt + kChunk * 4;
  static_assert(kSharedBytes <= 99 << 10, "what every GPU has");

  // Blocks that a multiprocessor shall hold at least: what bounds the registers of a thread.
  static constexpr int kLeastBlocks = Narrow && kTileBytes <= 16 << 10 ? 3 : 2;
};

}  // namespace upbeat
