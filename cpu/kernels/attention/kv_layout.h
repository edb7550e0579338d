// How a paged key or value cache lies in memory.
//
//   cache:  [blocks][kv_heads][padded block size * padded head_dim]
//   keys:   a block's tokens in granules of 16; within a granule [head_dim][16]: for each dimension, the sixteen keys
//           side by side. SIMD lanes are keys, and q.k is summed over head_dim in order, without a horizontal sum.
//   values: [block_size][padded head_dim], a row per token: SIMD lanes are dimensions, and the weighted sum runs over
//           tokens in order.
//
// Block size and head_dim are padded to multiples of 16. Padding is never read for a result. Everything here is static,
// so that no copy compiled for a wide instruction set is shared with generic code.
#pragma once

#include <stdint.h>

namespace upbeat {

static constexpr int kGranule = 16;

static inline int padded(int count) { return int((int64_t(count) + kGranule - 1) / kGranule * kGranule); }

// Elements of one block of one kv head.
static inline int64_t kv_tile_elements(int block_size, int head_dim) {
  return (int64_t(block_size) + kGranule - 1) / kGranule * kGranule *
         ((int64_t(head_dim) + kGranule - 1) / kGranule * kGranule);
}

// Where one (block, kv head) begins, in elements.
static inline int64_t kv_tile_offset(int64_t block, int kv_head, int kv_heads, int block_size, int head_dim) {
  return (block * kv_heads + kv_head) * kv_tile_elements(block_size, head_dim);
}

// From there: dimension 0 of a token's key (later dimensions follow at steps of kGranule), and its value row.
static inline int64_t key_offset(int token, int head_dim) {
  return int64_t(token / kGranule) * kGranule * head_dim + token % kGranule;
}
static inline int64_t value_offset(int token, int head_dim) { return int64_t(token) * padded(head_dim); }

}  // namespace upbeat
