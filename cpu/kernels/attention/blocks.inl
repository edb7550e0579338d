// The two register-blocked products of attention, scores = Q.K and output += P.V, for a block of a few query rows.
//
// Both keep rows x vectors accumulators in registers and stream K or V past them, so that every load of K or V serves
// all rows, and every broadcast of q or p serves all vectors. Per row and lane both are one chain of fused
// multiply-adds in ascending order (of the dimension; of the key), so the block's shape never changes a bit. Each also
// prefetches the same offsets of another operand, `ahead`, which it does not read.
#pragma once

#include "cpu/kernels/attention/kv_layout.h"
#include "cpu/kernels/common/math.inl"

// Loops over a block's rows and vectors must be unrolled before register allocation, or its sums would be in memory.
#define UPBEAT_UNROLL _Pragma("GCC unroll 8")

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

inline constexpr int kChunk = 128;  // keys between two updates of the softmax's maximum, at absolute positions
inline constexpr int kChunkGranules = kChunk / kGranule;
inline constexpr int kQueryBlock = 6;
inline constexpr int kTallBlock = 8;  // a tile of up to this many rows is one block, of half as many vectors
#if defined(UPBEAT_KERNELS_AVX512)
inline constexpr int kAttentionVectors = 4;  // 24 of 32 registers accumulate
#else
inline constexpr int kAttentionVectors = 1;  // AVX2: 12 of 16; NEON: 24 of 32
#endif

// The keys and values of one chunk, by granule.
template <typename Element>
struct ChunkPointers {
  const Element* keys[kChunkGranules];    // [head_dim][kGranule]
  const Element* values[kChunkGranules];  // [kGranule][padded head_dim]
};

// scores[row][granule * 16 + key] of `Vectors` granules from `first`.   query: [head_dim][Rows].
template <int Rows, int Vectors, typename Element>
void block_scores(const float* query, const Element* const* keys, const Element* const* ahead, int head_dim,
                  float* scores) {
  F32x16 sums[Rows][Vectors];
  const Element* granules[Vectors];
  const Element* next[Vectors];
  UPBEAT_UNROLL for (int v = 0; v < Vectors; v++) {
    granules[v] = keys[v];
    next[v] = ahead[v];
  }
  UPBEAT_UNROLL for (int r = 0; r < Rows; r++) {
    UPBEAT_UNROLL for (int v = 0; v < Vectors; v++) sums[r][v] = F32x16::zero();
  }
  for (int d = 0; d < head_dim; d++, query += Rows) {
    F32x16 key[Vectors];
    UPBEAT_UNROLL for (int v = 0; v < Vectors; v++) {
      key[v] = load_lanes(granules[v] + int64_t(d) * kGranule);
      __builtin_prefetch(next[v] + int64_t(d) * kGranule, 0, 2);
    }
    UPBEAT_UNROLL for (int r = 0; r < Rows; r++) {
      const F32x16 q = F32x16::broadcast(query[r]);
      UPBEAT_UNROLL for (int v = 0; v < Vectors; v++) sums[r][v] = fma(q, key[v], sums[r][v]);
    }
  }
  UPBEAT_UNROLL for (int r = 0; r < Rows; r++) {
    UPBEAT_UNROLL for (int v = 0; v < Vectors; v++) sums[r][v].store(scores + r * kChunk + v * kGranule);
  }
}

// output[row][vector] += p[row][key] * value[key][vector] for keys [begin, end) of the chunk.
template <int Rows, int Vectors, typename Element>
void block_values(const float* weights, const Element* const* values, const Element* const* ahead, int64_t value_stride,
                  int vector, int begin, int end, float* output, int64_t output_stride) {
  F32x16 sums[Rows][Vectors];
  float* to = output + vector * kLanes;
  UPBEAT_UNROLL for (int r = 0; r < Rows; r++) {
    UPBEAT_UNROLL for (int v = 0; v < Vectors; v++) sums[r][v] = F32x16::load(to + r * output_stride + v * kLanes);
  }
  for (int key = begin; key < end;) {
    const int granule = key / kGranule;
    const int stop = (granule + 1) * kGranule < end ? (granule + 1) * kGranule : end;
    const int64_t offset = int64_t(key % kGranule) * value_stride + vector * kLanes;
    const Element* row = values[granule] + offset;
    const Element* next = ahead[granule] + offset;
    for (; key < stop; key++, row += value_stride, next += value_stride) {
      F32x16 value[Vectors];
      UPBEAT_UNROLL for (int v = 0; v < Vectors; v++) {
        value[v] = load_lanes(row + v * kLanes);
        __builtin_prefetch(next + v * kLanes, 0, 2);
      }
      UPBEAT_UNROLL for (int r = 0; r < Rows; r++) {
        const F32x16 p = F32x16::broadcast(weights[r * kChunk + key]);
        UPBEAT_UNROLL for (int v = 0; v < Vectors; v++) sums[r][v] = fma(p, value[v], sums[r][v]);
      }
    }
  }
  UPBEAT_UNROLL for (int r = 0; r < Rows; r++) {
    UPBEAT_UNROLL for (int v = 0; v < Vectors; v++) sums[r][v].store(to + r * output_stride + v * kLanes);
  }
}

// The number of blocks that a tile of `rows` is cut into. The heads of one decoding row stay together where possible,
// so that their keys are read once.
inline int block_count(int rows) {
  if (kAttentionVectors > 1 && rows <= kTallBlock) return 1;
  return (rows + kQueryBlock - 1) / kQueryBlock;
}

// Vectors of a block with this many rows.
inline constexpr int block_vectors(int rows) { return rows <= kQueryBlock ? kAttentionVectors : kAttentionVectors / 2; }

// Calls work.template operator()<Rows>() with Rows = rows.
template <typename Work>
void with_rows(int rows, Work&& work) {
  static_assert(kQueryBlock == 6 && kTallBlock == 8);
  switch (rows) {
    case 1:
      return work.template operator()<1>();
    case 2:
      return work.template operator()<2>();
    case 3:
      return work.template operator()<3>();
    case 4:
      return work.template operator()<4>();
    case 5:
      return work.template operator()<5>();
    case 6:
      return work.template operator()<6>();
    default:
      break;
  }
  if constexpr (kAttentionVectors > 1) {
    if (rows == 7) return work.template operator()<7>();
    work.template operator()<8>();
  }
}

// Calls work.template operator()<Vectors>(first) until the vectors [begin, end) are covered, `Most` at a time as long
// as that many are left.
template <int Most, typename Work>
void with_vectors(int begin, int end, Work&& work) {
  int vector = begin;
  for (; vector + Most <= end; vector += Most) work.template operator()<Most>(vector);
  if constexpr (Most > 1) with_vectors<Most / 2>(vector, end, work);
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
