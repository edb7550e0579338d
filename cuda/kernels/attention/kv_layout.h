// How a paged key or value cache lies in memory: [blocks][kv_heads][block_size][padded head_dim].
//
// A token's key and value of one head are each contiguous and begin at a multiple of 16 bytes, as asynchronous copies
// and tensor-core operands require. Padding never affects a result.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace upbeat {

__host__ __device__ inline int64_t padded_head_dim(int head_dim) { return (int64_t(head_dim) + 7) / 8 * 8; }

// The index of a token's vector of one head.
__host__ __device__ inline int64_t kv_vector(int64_t block, int token, int kv_head, int kv_heads, int block_size) {
  return (block * kv_heads + kv_head) * block_size + token;
}

// Its offset, in elements.
__host__ __device__ inline int64_t kv_offset(int64_t block, int token, int kv_head, int kv_heads, int block_size,
                                             int head_dim) {
  return kv_vector(block, token, kv_head, kv_heads, block_size) * padded_head_dim(head_dim);
}

}  // namespace upbeat
