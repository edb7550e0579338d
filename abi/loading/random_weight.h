// Elements of random weights: a pure function of seed, row and column, the same in every library and layout.
//
// The generator is Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011), key = seed, counter = (column / 4, row, 0, 1):
// four columns share a block. Sampling uses counters with a last word of 0, so no sample uses these numbers. Everything
// is constexpr, and therefore device code too.
#pragma once

#include <cstdint>

#include "abi/types/dtype.h"

namespace upbeat {

struct RandomWeightArguments {
  int32_t first_row;
  int32_t row_count;
  float scale;
  uint32_t seed_low;
  uint32_t seed_high;
};

// Columns of one block of the generator.
inline constexpr int kRandomColumns = 4;

struct RandomBlock {
  uint32_t words[kRandomColumns];
};

constexpr RandomBlock random_block(uint32_t column_block, uint32_t row, uint32_t seed_low, uint32_t seed_high) {
  uint32_t words[kRandomColumns] = {column_block, row, 0, 1};
  for (int round = 0; round < 10; round++) {
    const uint64_t product0 = uint64_t(0xD2511F53u) * words[0];
    const uint64_t product1 = uint64_t(0xCD9E8D57u) * words[2];
    words[0] = uint32_t(product1 >> 32) ^ words[1] ^ seed_low;
    words[1] = uint32_t(product1);
    words[2] = uint32_t(product0 >> 32) ^ words[3] ^ seed_high;
    words[3] = uint32_t(product0);
    seed_low += 0x9E3779B9u;
    seed_high += 0xBB67AE85u;
  }
  return {{words[0], words[1], words[2], words[3]}};
}

// Uniform between -scale and scale, and never 0: with u the word's upper 24 bits, (2 u + 1 - 2^24) / 2^24 is exact, so
// the product with the scale is the only rounding.
constexpr float random_weight(uint32_t word, float scale) {
  return float(int32_t(2 * (word >> 8) + 1) - (1 << 24)) * 0x1p-24f * scale;
}

// To the nearest value of 16 bits, ties to even.
constexpr uint16_t round_to_bf16(float value) {
  const auto bits = __builtin_bit_cast(uint32_t, value);
  return uint16_t((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

constexpr uint16_t round_to_f16(float value) {
  const auto bits = __builtin_bit_cast(uint32_t, value);
  const auto sign = uint16_t(bits >> 16 & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude >= 0x47800000u) return uint16_t(sign | 0x7c00u);  // 2^16 and beyond
  const int exponent = int(magnitude >> 23);
  // Below 2^-14 the unit is 2^-24 whatever the exponent; above, it is the last of eleven bits.
  const int dropped = exponent < 113 ? 126 - exponent : 13;
  if (dropped > 24) return sign;
  const uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
  const uint32_t kept = mantissa >> dropped;
  const uint32_t rest = mantissa & ((1u << dropped) - 1);
  const uint32_t half = 1u << (dropped - 1);
  const uint32_t rounded = kept + uint32_t(rest > half || (rest == half && (kept & 1u)));
  // The leading bit of a normal number adds one to the exponent, and so does a carry.
  return uint16_t(sign | (exponent < 113 ? rounded : rounded + (uint32_t(exponent - 113) << 10)));
}

}  // namespace upbeat
