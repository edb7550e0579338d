// Splits that several blocks compute: each block stores its states in scratch memory, and the last block to finish
// merges them, in the same ascending order as a block that computes them all.
//
// Memory access: a split of 256 keys is read once and leaves one vector per row, far smaller than the keys; it is still
// in the cache when the last block reads four dimensions per thread from every split.
#pragma once

#include "cuda/kernels/attention/plan.h"
#include "cuda/kernels/attention/state.cuh"

namespace upbeat {

// How narrow tiles are divided among blocks, and where the states of their splits are.
struct AttentionSplits {
  int parts;         // blocks of a tile: block i takes splits i, i + parts, ... of those that its rows see
  int most;          // most splits of a tile
  int tile_rows;     // most rows of a tile
  float* outputs;    // o: [tiles][kv_heads][most][tile_rows][split_pitch(head_dim)]
  float* sums;       // m and l: [tiles][kv_heads][most][tile_rows][2]
  int32_t* arrived;  // blocks that are done: [tiles][kv_heads], zero before and after
};

// Floats of a row of o: rows begin at multiples of 16 bytes.
__host__ __device__ constexpr int split_pitch(int head_dim) { return (head_dim + 3) / 4 * 4; }

// The index of a (tile, kv head), and of a row of one of its splits.
__device__ inline int64_t split_tile() { return int64_t(blockIdx.x) * gridDim.y + blockIdx.y; }
__device__ inline int64_t split_row(const AttentionSplits& splits, int split, int row) {
  return (split_tile() * splits.most + split) * splits.tile_rows + row;
}

// Notes that this block is done. True, for all threads, in the last block. Barriers.
__device__ inline bool last_of_parts(const AttentionSplits& splits, int parts) {
  __threadfence();  // this thread's writes come before the count
  __syncthreads();
  bool last = false;
  if (threadIdx.x == 0) {
    const Global<int32_t> arrived = Global<int32_t>(splits.arrived) + split_tile();
    last = atomic_add(arrived, 1) == parts - 1;
    if (last) atomic_exchange(arrived, 0);
    __threadfence();  // and the count before this block's reads
  }
  return __syncthreads_or(last) != 0;
}

// Merges a tile's splits; store(row, dim, value) receives the results.
template <int Threads, typename Store>
__device__ void merge_splits(const AttentionSplits& splits, int count, int rows, int head_dim, Store&& store) {
  const int pitch = split_pitch(head_dim);
  for (int item = int(threadIdx.x); item < rows * (pitch / 4); item += Threads) {
    const int row = item / (pitch / 4), dim = item % (pitch / 4) * 4;
    float m = -INFINITY, l = 0, o[4] = {};
#pragma unroll 4
    for (int split = 0; split < count; split++) {
      const int64_t from = split_row(splits, split, row);
      const Pack<float, 2> sums = load_pack<2>(Global<float>(splits.sums) + 2 * from);
      const Pack<float, 4> next = load_pack<4>(Global<float>(splits.outputs) + (from * pitch + dim));
      if (sums.v[0] == -INFINITY) continue;
      const Merge with(m, sums.v[0]);
      m = with.m;
      l = with.of(l, sums.v[1]);
      for (int i = 0; i < 4; i++) o[i] = with.of(o[i], next.v[i]);
    }
    const float inverse = 1.0f / l;
    for (int i = 0; i < 4; i++) {
      if (dim + i < head_dim) store(row, dim + i, o[i] * inverse);
    }
  }
}

}  // namespace upbeat
