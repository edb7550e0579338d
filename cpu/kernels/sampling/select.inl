// Selecting the best candidates, by larger logit, then by lower id, without sorting them all.
//
// A candidate is a 64-bit key: the logit's bits, mapped so that they compare as integers, above the complement of its
// id. All keys differ, larger is better, and a prefix in descending order is the set of keys >= some bound.
#pragma once

#include <stdint.h>

#include "cpu/kernels/common/simd.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

inline uint64_t candidate_key(float logit, int32_t id) {
  const uint32_t bits = bits_from_f32(logit + 0.0f);  // -0 counts as +0
  const uint32_t ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return uint64_t(ordered) << 32 | uint32_t(~uint32_t(id));
}

inline int32_t key_id(uint64_t key) { return int32_t(~uint32_t(key)); }

inline float key_logit(uint64_t key) {
  const uint32_t ordered = uint32_t(key >> 32);
  return f32_from_bits(ordered & 0x80000000u ? ordered & 0x7fffffffu : ~ordered);
}

// The largest bound such that the weights of all keys >= bound sum to `need` or more; 0 when all weights together do
// not. weight_of(key) is an integer, so the order of adding does not matter. A radix search from the top byte: each
// step finds the byte value at which the sum is reached and continues among its keys. `keys` is reordered; linear in
// `count`.
template <typename WeightOf>
uint64_t prefix_bound(uint64_t* keys, int count, uint64_t need, WeightOf&& weight_of) {
  uint64_t bound = 0;
  uint64_t above = 0;  // weight of the keys above all that are left
  for (int shift = 56; shift >= 0; shift -= 8) {
    uint64_t sums[256] = {0};
    for (int i = 0; i < count; i++) sums[keys[i] >> shift & 255] += weight_of(keys[i]);
    int digit = 255;
    while (digit >= 0 && above + sums[digit] < need) above += sums[digit--];
    if (digit < 0) return 0;
    bound |= uint64_t(digit) << shift;
    int left = 0;
    for (int i = 0; i < count; i++) {
      if (int(keys[i] >> shift & 255) == digit) keys[left++] = keys[i];
    }
    count = left;
    if (count == 1) return keys[0];
  }
  return bound;
}

// Heapsort: no recursion, no memory, never quadratic.
inline void sort_descending(uint64_t* keys, int count) {
  const auto sift = [&](int root, int end) {  // a heap with the smallest on top
    const uint64_t key = keys[root];
    for (;;) {
      int child = 2 * root + 1;
      if (child >= end) break;
      if (child + 1 < end && keys[child + 1] < keys[child]) child++;
      if (keys[child] >= key) break;
      keys[root] = keys[child];
      root = child;
    }
    keys[root] = key;
  };
  for (int root = count / 2 - 1; root >= 0; root--) sift(root, count);
  for (int end = count - 1; end > 0; end--) {
    const uint64_t smallest = keys[0];
    keys[0] = keys[end];
    keys[end] = smallest;
    sift(0, end);
  }
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
