// Rotary position embedding (Su et al. 2021) in the half-split form, fused with the per-head norm of q and k and with
// the write of k and v to the paged cache.
//
// Memory access: a block reads a row of qkv once; a warp takes a head at a time, a lane its pairs (i, i + head_dim /
// 2), which it rotates in registers. q is written in place, k and v to their slot of the cache.
//
// Each lane adds the squares of its pairs in ascending order, then the lanes add as a tree.
#pragma once

#include "cuda/kernels/attention/kv_layout.h"
#include "cuda/kernels/common/elements.cuh"
#include "cuda/kernels/common/fault.cuh"
#include "cuda/kernels/common/reduce.cuh"
#include "cuda/kernels/kernels.h"

namespace upbeat {

inline constexpr int kRotaryThreads = 128;
inline constexpr int kTableThreads = 128;

// One (position, pair) per thread.
__global__ void __launch_bounds__(kTableThreads) rotary_table_kernel(RotaryTableArguments arguments, FaultSlot faults) {
  begin_kernel();
  if (faulted(faults)) return;
  const int half = arguments.head_dim / 2;
  const Global<const double> frequencies = arguments.inverse_frequencies;
  const Global<float> table = arguments.table;
  const int64_t items = int64_t(arguments.positions) * half;
  const int64_t step = int64_t(gridDim.x) * kTableThreads;
  for (int64_t item = int64_t(blockIdx.x) * kTableThreads + threadIdx.x; item < items; item += step) {
    const int64_t position = item / half, pair = item % half;
    const double angle = double(position) * double(frequencies[pair]);
    const int64_t row = position * arguments.head_dim;
    table[row + pair] = float(cos(angle) * double(arguments.scale));
    table[row + half + pair] = float(sin(angle) * double(arguments.scale));
  }
}

// 1 / rms of a head, for every lane; 1 when there is no norm.
__device__ inline float inverse_rms(Global<const float> head, Global<const float> norm, float epsilon, int head_dim) {
  if (!norm) return 1.0f;
  const int half = head_dim / 2;
  float sum = 0;
  for (int i = int(threadIdx.x) % 32; i < half; i += 32) {
    const float first = head[i], second = head[half + i];
    sum = fmaf(second, second, fmaf(first, first, sum));
  }
  return 1.0f / sqrtf(warp_sum(sum) / float(head_dim) + epsilon);
}

// Rotates a lane's pairs of a normalised head; store(i, value) receives the results.
template <typename Store>
__device__ void rotate_head(Global<const float> head, Global<const float> norm, float inverse,
                            Global<const float> table, int head_dim, Store&& store) {
  const int half = head_dim / 2;
  for (int i = int(threadIdx.x) % 32; i < half; i += 32) {
    float first = head[i], second = head[half + i];
    if (norm) {
      first = first * inverse * float(norm[i]);
      second = second * inverse * float(norm[half + i]);
    }
    const float cosine = table[i], sine = table[half + i];
    store(i, fmaf(first, cosine, -(second * sine)));
    store(half + i, fmaf(second, cosine, first * sine));
  }
}

template <typename Element>
__global__ void __launch_bounds__(kRotaryThreads)
    rotary_cache_kernel(RotaryCacheArguments arguments, FaultSlot faults) {
  begin_kernel();
  if (block_faulted(faults)) return;
  const int row = int(blockIdx.x);
  const int64_t slot = int32_t(Global<const int32_t>(arguments.slot_mapping)[row]);
  if (slot < 0) return;
  const int32_t position = Global<const int32_t>(arguments.positions)[row];
  if (position < 0 || position >= arguments.table_positions) {
    if (threadIdx.x == 0) raise_fault(faults, FaultKind::rotary_position, position, row, arguments.table_positions);
    return;
  }
  if (slot / arguments.block_size >= arguments.cache_blocks) {
    if (threadIdx.x == 0) {
      raise_fault(faults, FaultKind::rotary_slot, int32_t(slot), row, arguments.cache_blocks, arguments.block_size);
    }
    return;
  }
  const int head_dim = arguments.head_dim, heads = arguments.heads, kv_heads = arguments.kv_heads;
  const Global<float> qkv = Global<float>(arguments.qkv) + int64_t(row) * (heads + 2 * kv_heads) * head_dim;
  const Global<const float> table = Global<const float>(arguments.rotary_table) + int64_t(position) * head_dim;
  const Global<const float> query_norm = arguments.query_norm, key_norm = arguments.key_norm;
  const Global<Element> keys = static_cast<Element*>(arguments.key_cache);
  const Global<Element> values = static_cast<Element*>(arguments.value_cache);
  const int64_t block = slot / arguments.block_size;
  const int token = int(slot % arguments.block_size);

  for (int head = int(threadIdx.x) / 32; head < heads + 2 * kv_heads; head += kRotaryThreads / 32) {
    const Global<float> source = qkv + int64_t(head) * head_dim;
    if (head < heads) {
      const float inverse = inverse_rms(source, query_norm, arguments.epsilon, head_dim);
      rotate_head(source, query_norm, inverse, table, head_dim, [&](int i, float value) { source[i] = value; });
      continue;
    }
    const int kv_head = (head - heads) % kv_heads;
    const int64_t at = kv_offset(block, token, kv_head, kv_heads, arguments.block_size, head_dim);
    if (head < heads + kv_heads) {
      const float inverse = inverse_rms(source, key_norm, arguments.epsilon, head_dim);
      rotate_head(source, key_norm, inverse, table, head_dim,
                  [&](int i, float value) { keys[at + i] = from_f32<Element>(value); });
    } else {
      for (int i = int(threadIdx.x) % 32; i < head_dim; i += 32) values[at + i] = from_f32<Element>(source[i]);
    }
  }
}

}  // namespace upbeat
