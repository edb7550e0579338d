// Operands of the products of attention, and how they lie in shared memory.
//
// Memory access: a tile's rows have a power of two of bytes, 128 or more, in words of 16 bytes; word w of row r is
// stored at w ^ (r % 8). So the eight rows whose same word a matrix load reads lie on different banks, without padding.
//
// A number is a sum of BF16 numbers, each at most 2^-8 of the one before. Products of terms i and j with i + j > 2 are
// left out: they are smaller than the rounding of the sums.
#pragma once

#include "cuda/kernels/attention/plan.h"

namespace upbeat {

inline constexpr int kMostTerms = 3;

// The number of BF16 terms of an element of the cache.
template <typename Element>
inline constexpr int kCacheTerms = sizeof(Element) == 4 ? 3 : 1;

// A lane's part of an operand (see mma_bf16): 16 rows of 16, or 8 columns of 16.
template <int Terms>
struct RowOperand {
  uint32_t term[Terms][4];
};
template <int Terms>
struct ColumnOperand {
  uint32_t term[Terms][2];
};

// Two numbers as sums of BF16 numbers, largest first.
template <int Terms>
__device__ void split_pair(float first, float second, uint32_t (&terms)[Terms]) {
#pragma unroll
  for (int i = 0; i < Terms; i++) {
    terms[i] = bf16_pair(first, second);
    first -= __uint_as_float(terms[i] << 16);
    second -= __uint_as_float(terms[i] & 0xffff0000u);
  }
}

// sums[n] += rows * columns[n], smallest products first. Consecutive products are independent of each other.
template <int Left, int Right, int Count>
__device__ void multiply(const RowOperand<Left>& rows, const ColumnOperand<Right> (&columns)[Count], float (*sums)[4]) {
#pragma unroll
  for (int size = kMostTerms - 1; size >= 0; size--) {
#pragma unroll
    for (int i = 0; i <= size; i++) {
      if (i >= Left || size - i >= Right) continue;
#pragma unroll
      for (int n = 0; n < Count; n++) mma_bf16(sums[n], rows.term[i], columns[n].term[size - i]);
    }
  }
}

// A tile: rows of RowBytes in shared memory. Addresses count 4-byte words.
template <int RowBytes>
struct SharedTile {
  static_assert(RowBytes >= 128 && (RowBytes & (RowBytes - 1)) == 0);
  Shared<uint32_t> start;

  // The start of a 16-byte word of a row.
  __device__ Shared<uint32_t> at(int row, int word) const {
    return start + (row * (RowBytes / 4) + ((word ^ (row & 7)) << 2));
  }
};

// 16 rows of 16 BF16 numbers each, from a row and a 16-byte word on.
template <int RowBytes>
__device__ void load_rows(const SharedTile<RowBytes>& tile, int row, int word, uint32_t (&operand)[4]) {
  const int lane = int(threadIdx.x) % 32;
  load_matrix_x4(operand, tile.at(row + lane % 16, word + lane / 16));
}

// Keys [key, key + 8 * Count) as columns; the product sums over dimensions [16 * step, 16 * step + 16).
template <typename Element, int RowBytes, int Count>
__device__ void load_keys(const SharedTile<RowBytes>& tile, int key, int step,
                          ColumnOperand<kCacheTerms<Element>> (&columns)[Count]) {
  const int lane = int(threadIdx.x) % 32;
  if constexpr (sizeof(Element) == 2) {
#pragma unroll
    for (int n = 0; n < Count; n += 2) {
      uint32_t four[4];
      load_matrix_x4(four, tile.at(key + n * 8 + lane / 16 * 8 + lane % 8, 2 * step + lane / 8 % 2));
      for (int i = 0; i < 4; i++) columns[n + i / 2].term[0][i % 2] = four[i];
    }
  } else {
    const int g = lane / 4, t = lane % 4;
#pragma unroll
    for (int n = 0; n < Count; n++) {
      for (int i = 0; i < 2; i++) {
        const Pack<uint32_t, 2> pair = load_pack<2>(tile.at(key + n * 8 + g, 4 * step + t / 2 + 2 * i) + t % 2 * 2);
        uint32_t terms[kCacheTerms<Element>];
        split_pair(__uint_as_float(pair.v[0]), __uint_as_float(pair.v[1]), terms);
        for (int j = 0; j < kCacheTerms<Element>; j++) columns[n].term[j][i] = terms[j];
      }
    }
  }
}

// Dimensions [dim, dim + 8 * Count) as columns; the product sums over keys [key, key + 16).
template <typename Element, int RowBytes, int Count>
__device__ void load_values(const SharedTile<RowBytes>& tile, int key, int dim,
                            ColumnOperand<kCacheTerms<Element>> (&columns)[Count]) {
  const int lane = int(threadIdx.x) % 32;
  if constexpr (sizeof(Element) == 2) {
#pragma unroll
    for (int n = 0; n < Count; n += 2) {
      uint32_t four[4];
      load_matrix_x4_transposed(four, tile.at(key + lane % 16, dim / 8 + n + lane / 16));
      for (int i = 0; i < 4; i++) columns[n + i / 2].term[0][i % 2] = four[i];
    }
  } else {
    const int g = lane / 4, t = lane % 4;
#pragma unroll
    for (int n = 0; n < Count; n++) {
      const int column = dim + n * 8 + g;
      for (int i = 0; i < 2; i++) {
        const int row = key + 8 * i + 2 * t;
        uint32_t terms[kCacheTerms<Element>];
        split_pair(__uint_as_float(tile.at(row, column / 4)[column % 4]),
                   __uint_as_float(tile.at(row + 1, column / 4)[column % 4]), terms);
        for (int j = 0; j < kCacheTerms<Element>; j++) columns[n].term[j][i] = terms[j];
      }
    }
  }
}

}  // namespace upbeat
