// The shapes that attention is compiled for: the work of each warp, and the layout of shared memory.
//
// Memory access: a block has row warps times column warps. Each row warp has 16 rows of its own; the column warps of
// the same rows divide the keys of a chunk among them, then the dimensions of the output, so that the output fits in
// registers. Neither shape changes what is computed for a row:
//
//  - wide: many rows per block, for prefill. A key in shared memory is used by all of them.
//  - narrow: the heads of one query row, for decode, bound by memory. More tiles are in flight.
#pragma once

#include <cstdint>

#include "cuda/kernels/attention/tiles.cuh"
#include "cuda/kernels/common/elements.cuh"

namespace upbeat {

inline constexpr int kMostHeadDim = 256;
inline constexpr int kSplit = 256;  // keys of one softmax state

// BF16 terms of an F32 number.
inline constexpr int kQueryTerms = 3;    // of a query: exact
inline constexpr int kSoftmaxTerms = 2;  // of a weight: to 2^-17

// Keys of one step of the online softmax. It affects the results, so it depends only on the cache.
__host__ __device__ constexpr int attention_chunk(int element_bytes, int head_dim) {
  return element_bytes == 2 && head_dim <= 128 ? 64 : 32;
}

// HeadDim: the head dimension rounded up to 64, 128 or 256; Whole: it is exactly that.
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
  // A warp's share of a chunk's keys and of the dimensions, in products of 8 columns.
  static constexpr int kKeyTiles = kChunk / ColumnWarps / 8;
  static constexpr int kDimTiles = HeadDim / ColumnWarps / 8;
  static_assert(kKeyTiles % 2 == 0 && kDimTiles % 2 == 0 && kChunk <= kThreads);

  // Bytes of a tile of keys or values in shared memory, and the number of tiles.
  static constexpr int kKeyBytes = HeadDim * int(sizeof(Element));
  static constexpr int kTileBytes = kChunk * kKeyBytes;
  static constexpr int kStages = Narrow && kTileBytes <= 16 << 10 ? 4 : 2;

  // Shared memory: tiles [kStages]; queries [kQueryTerms][kRows][HeadDim] as BF16; where column warps share a row,
  // weights [kRowWarps][kSoftmaxTerms][16][kChunk] as BF16 and maxima [kColumnWarps][kRows]; the cache indices of two
  // chunks' keys; flags of keys with non-finite values.
  static constexpr int kQueryBytes = HeadDim * 2, kWeightBytes = 128;
  static constexpr int kQueriesAt = kStages * kTileBytes;
  static constexpr int kWeightsAt = kQueriesAt + kQueryTerms * kRows * kQueryBytes;
  static constexpr int kMaximaAt = kWeightsAt + (ColumnWarps > 1 ? kSoftmaxTerms * kRows * kWeightBytes : 0);
  static constexpr int kPlacesAt = kMaximaAt + (ColumnWarps > 1 ? ColumnWarps * kRows * 4 : 0);
  static constexpr int kBrokenAt = kPlacesAt + 2 * kChunk * 4;
  static constexpr int kSharedBytes = kBrokenAt + kChunk * 4;
  static_assert(kSharedBytes <= 99 << 10, "what every GPU has");

  // Least blocks resident on a multiprocessor, which bounds the registers of a thread.
  static constexpr int kLeastBlocks = Narrow && kTileBytes <= 16 << 10 ? 3 : 2;
};

}  // namespace upbeat
