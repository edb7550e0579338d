// Philox4x32-10, a counter-based random generator (Salmon, Moraes, Dror and Shaw 2011): a pure function of counter and
// key, so a sample needs no state.
#pragma once

#include <stdint.h>

#include "cpu/kernels/common/simd.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

struct Philox {
  uint32_t words[4];
};

inline Philox philox(const uint32_t counter[4], const uint32_t key[2]) {
  Philox state = {{counter[0], counter[1], counter[2], counter[3]}};
  uint32_t key0 = key[0], key1 = key[1];
  for (int round = 0; round < 10; round++) {
    const uint64_t product0 = uint64_t(0xD2511F53u) * state.words[0];
    const uint64_t product1 = uint64_t(0xCD9E8D57u) * state.words[2];
    state = {{uint32_t(product1 >> 32) ^ state.words[1] ^ key0, uint32_t(product1),
              uint32_t(product0 >> 32) ^ state.words[3] ^ key1, uint32_t(product0)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return state;
}

// The uniform of a sample as an integer in [0, 2^24): the upper 24 bits of the first word; u = uniform24 / 2^24 in [0,
// 1).
inline uint32_t uniform24(uint32_t seed_low, uint32_t seed_high, uint32_t position) {
  const uint32_t counter[4] = {position, 0, 0, 0};
  const uint32_t key[2] = {seed_low, seed_high};
  return philox(counter, key).words[0] >> 8;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
