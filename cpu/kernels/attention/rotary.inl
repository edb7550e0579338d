// Rotary position embedding (Su et al. 2021) in the half-split form, fused with the per-head norm of q and k and with
// the write of k and v to the paged cache.
#pragma once

#include "cpu/kernels/attention/kv_layout.h"
#include "cpu/kernels/common/math.inl"
#include "cpu/kernels/common/scratch.inl"
#include "cpu/kernels/elementwise/rms_norm.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

inline bool rotary_table(const RotaryTableArguments& arguments, ThreadPool& pool, Fault&) {
  const int half = arguments.head_dim / 2;
  for_ranges(pool, arguments.positions, grain_of(int64_t(arguments.head_dim) * 16), [&](int begin, int end) {
    for (int64_t position = begin; position < end; position++) {
      float* row = arguments.table + position * arguments.head_dim;
      for (int i = 0; i < half; i++) {
        const double angle = double(position) * arguments.inverse_frequencies[i];
        row[i] = float(__builtin_cos(angle) * double(arguments.scale));
        row[half + i] = float(__builtin_sin(angle) * double(arguments.scale));
      }
    }
  });
  return true;
}

// Rotates the pairs (i, i + head_dim / 2). output may be input.
inline void rotate(const float* input, const float* table, int head_dim, float* output) {
  const int half = head_dim / 2;
  const auto turn = [&](F32x16 first, F32x16 second, F32x16 cosine, F32x16 sine, F32x16 rotated[2]) {
    rotated[0] = fma(first, cosine, F32x16::zero() - second * sine);
    rotated[1] = fma(second, cosine, first * sine);
  };
  F32x16 rotated[2];
  int i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    turn(F32x16::load(input + i), F32x16::load(input + half + i), F32x16::load(table + i),
         F32x16::load(table + half + i), rotated);
    rotated[0].store(output + i);
    rotated[1].store(output + half + i);
  }
  if (const int rest = half - i) {
    turn(load_tail(input + i, rest), load_tail(input + half + i, rest), load_tail(table + i, rest),
         load_tail(table + half + i, rest), rotated);
    store_tail(rotated[0], output + i, rest);
    store_tail(rotated[1], output + half + i, rest);
  }
}

inline void write_element(float value, float* p) { *p = value; }
inline void write_element(float value, Bf16* p) { p->bits = bf16_from_f32(value); }

template <typename Element>
void rotary_cache_row(const RotaryCacheArguments& arguments, int64_t row, float* work) {
  const int head_dim = arguments.head_dim;
  const int64_t slot = arguments.slot_mapping[row];
  float* query = arguments.qkv + row * (arguments.heads + 2 * arguments.kv_heads) * head_dim;
  const float* key = query + int64_t(arguments.heads) * head_dim;
  const float* value = key + int64_t(arguments.kv_heads) * head_dim;
  const float* table = arguments.rotary_table + int64_t(arguments.positions[row]) * head_dim;

  for (int head = 0; head < arguments.heads; head++, query += head_dim) {
    if (arguments.query_norm) rms_norm_row(query, arguments.query_norm, arguments.epsilon, head_dim, query);
    rotate(query, table, head_dim, query);
  }

  const int64_t block = slot / arguments.block_size;
  const int token = int(slot % arguments.block_size);
  for (int head = 0; head < arguments.kv_heads; head++, key += head_dim, value += head_dim) {
    const float* normed = key;
    if (arguments.key_norm) {
      rms_norm_row(key, arguments.key_norm, arguments.epsilon, head_dim, work);
      normed = work;
    }
    rotate(normed, table, head_dim, work);
    const int64_t tile = kv_tile_offset(block, head, arguments.kv_heads, arguments.block_size, head_dim);
    Element* keys = static_cast<Element*>(arguments.key_cache) + tile + key_offset(token, head_dim);
    Element* values = static_cast<Element*>(arguments.value_cache) + tile + value_offset(token, head_dim);
    for (int d = 0; d < head_dim; d++) write_element(work[d], keys + int64_t(d) * kGranule);
    for (int d = 0; d < head_dim; d++) write_element(value[d], values + d);
  }
}

inline bool rotary_cache(const RotaryCacheArguments& arguments, ThreadPool& pool, Fault& fault) {
  for (int row = 0; row < arguments.rows; row++) {
    const int slot = arguments.slot_mapping[row], position = arguments.positions[row];
    if (slot < 0) continue;
    if (position < 0 || position >= arguments.table_positions) {
      return fail(fault, "rotary_cache: position %d of row %d is outside a rotary table of %d positions", position, row,
                  arguments.table_positions);
    }
    if (slot / arguments.block_size >= arguments.cache_blocks) {
      return fail(fault, "rotary_cache: slot %d of row %d is outside a cache of %d blocks of %d", slot, row,
                  arguments.cache_blocks, arguments.block_size);
    }
  }
  static thread_local Scratch scratch;
  const int grain = grain_of(int64_t(arguments.heads + 2 * arguments.kv_heads) * arguments.head_dim);
  const size_t ranges = arguments.rows > 0 ? size_t((arguments.rows - 1) / grain + 1) : 0;
  const size_t stride = size_t(padded(arguments.head_dim));
  const size_t bytes = ranges * stride * sizeof(float);
  float* work = reinterpret_cast<float*>(scratch.reserve(bytes));
  if (bytes > 0 && !work) return fail_memory(fault, "rotary_cache", bytes);
  for_ranges(pool, arguments.rows, grain, [&](int begin, int end) {
    float* own = work + size_t(begin / grain) * stride;
    for (int row = begin; row < end; row++) {
      if (arguments.slot_mapping[row] < 0) continue;
      if (arguments.cache_dtype == Dtype::f32) {
        rotary_cache_row<float>(arguments, row, own);
      } else {
        rotary_cache_row<Bf16>(arguments, row, own);
      }
    }
  });
  return true;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
