// The codes of a step in registers, and the formats for which there are kernels.
#pragma once

#include "cpu/kernels/quantized/block_layout.h"
#include "cpu/kernels/quantized/byte_lanes.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// What a kernel is compiled for.
template <int kBits_, int kRun_, bool kScales_, bool kOffsets_, bool kTable_, Products kProducts_,
          bool kBf16Scale_ = false>
struct Codes {
  static constexpr int kBits = kBits_;
  static constexpr int kRun = kRun_;
  static constexpr int kRuns = kStepColumns / kRun;
  static constexpr bool kScales = kScales_;    // runs have integer scales
  static constexpr bool kOffsets = kOffsets_;  // blocks have offsets
  static constexpr bool kTable = kTable_;      // levels are in a table
  static constexpr Products kProducts = kProducts_;
  static constexpr bool kBf16Scale = kBf16Scale_;
};

// Calls run.template operator()<Codes<...>>() with the codes of a type.
template <typename Run>
auto with_codes(BlockType type, const Run& run) {
  constexpr auto kSmall = Products::small, kHalves = Products::halves, kWide = Products::wide;
  switch (type) {
    case BlockType::q4_0:
      return run.template operator()<Codes<4, 32, false, false, false, kSmall>>();
    case BlockType::q4_1:
      return run.template operator()<Codes<4, 32, false, true, false, kSmall>>();
    case BlockType::q5_0:
      return run.template operator()<Codes<5, 32, false, false, false, kSmall>>();
    case BlockType::q5_1:
      return run.template operator()<Codes<5, 32, false, true, false, kHalves>>();
    case BlockType::q2_k:
      return run.template operator()<Codes<2, 16, true, true, false, kSmall>>();
    case BlockType::q3_k:
      return run.template operator()<Codes<3, 16, true, false, false, kSmall>>();
    case BlockType::q4_k:
      return run.template operator()<Codes<4, 32, true, true, false, kSmall>>();
    case BlockType::q5_k:
      return run.template operator()<Codes<5, 32, true, true, false, kHalves>>();
    case BlockType::q6_k:
      return run.template operator()<Codes<6, 16, true, false, false, kSmall>>();
    case BlockType::mxfp4:
      return run.template operator()<Codes<4, 32, false, false, true, kSmall, true>>();
    case BlockType::iq4_nl:
      return run.template operator()<Codes<4, 32, false, false, true, kWide>>();
    case BlockType::iq4_xs:
    case BlockType::iq3_xxs:
    case BlockType::iq2_xxs:
      return run.template operator()<Codes<4, 32, true, false, true, kWide>>();
    case BlockType::iq3_s:
    case BlockType::iq1_s:
      return run.template operator()<Codes<4, 32, true, false, true, kSmall>>();
    case BlockType::iq2_xs:
    case BlockType::iq2_s:
      return run.template operator()<Codes<4, 16, true, false, true, kWide>>();
    case BlockType::iq1_m:
      return run.template operator()<Codes<4, 16, true, false, true, kSmall>>();
    case BlockType::tq1_0:
    case BlockType::tq2_0:
      return run.template operator()<Codes<2, 32, true, false, false, kSmall>>();
    case BlockType::q8_0:
    case BlockType::none:
      break;
  }
  return run.template operator()<Codes<8, 32, false, false, false, kWide>>();
}

// The level that weights in registers have when their bytes are 0, subtracted from sums of products.
template <typename C>
int zero_of(const BlockFormat& format) {
  if (C::kProducts == Products::wide) return kWideZero;
  if (!C::kTable) return format.zero;
  int lowest = 0;
  for (int code = 0; code < 16; code++) lowest = format.levels[code] < lowest ? format.levels[code] : lowest;
  return -lowest;
}

// The codes or levels of kOutputs outputs from `lanes` on, one vector for each group, plus the zero of zero_of().
template <typename C>
struct WeightStep {
  Bytes table;

  explicit WeightStep(const BlockFormat& format) : table{} {
    if (!C::kTable) return;
    uint8_t levels[16];
    for (int code = 0; code < 16; code++) levels[code] = uint8_t(format.levels[code] + zero_of<C>(format));
    table = broadcast_table(levels);
  }

  [[gnu::always_inline]] void load(const uint8_t* codes, int lanes, Bytes (&weights)[kStepGroups]) const {
    const auto line = [&](int index) __attribute__((always_inline)) {
      return load_vector<Bytes>(codes + index * kLineBytes32 + lanes * kGroupColumns);
    };
    const auto only = [](Bytes bytes, int mask) __attribute__((always_inline)) { return bytes & uint8_t(mask); };
    // The bits of a field at bit `from`, moved to bit `to`.
    const auto move = [&](Bytes bytes, int from, int to, int mask) __attribute__((always_inline)) {
      return only(from > to ? shift_right(bytes, from - to) : shift_left(bytes, to - from), mask << to);
    };
    if constexpr (C::kBits == 8) {
#pragma GCC unroll 8
      for (int group = 0; group < kStepGroups; group++) {
        weights[group] = kWideZero == 0 ? line(group) : line(group) ^ uint8_t(kWideZero);
      }
    } else if constexpr (C::kBits >= 4) {
#pragma GCC unroll 4
      for (int group = 0; group < 4; group++) {
        const Bytes nibbles = line(group);
        weights[group] = only(nibbles, 15);
        weights[group + 4] = move(nibbles, 4, 0, 15);
      }
    } else {
#pragma GCC unroll 8
      for (int group = 0; group < kStepGroups; group++) weights[group] = move(line(group / 4), group % 4 * 2, 0, 3);
    }
    if constexpr (C::kBits == 5) {
      const Bytes fifth = line(4);
#pragma GCC unroll 8
      for (int group = 0; group < kStepGroups; group++) weights[group] |= move(fifth, group, 4, 1);
    } else if constexpr (C::kBits == 6) {
#pragma GCC unroll 8
      for (int group = 0; group < kStepGroups; group++)
        weights[group] |= move(line(4 + group / 4), group % 4 * 2, 4, 3);
    } else if constexpr (C::kBits == 3) {
      const Bytes third = line(2);
#pragma GCC unroll 8
      for (int group = 0; group < kStepGroups; group++) weights[group] |= move(third, group, 2, 1);
    }
    if constexpr (C::kTable) {
#pragma GCC unroll 8
      for (int group = 0; group < kStepGroups; group++) weights[group] = look_up(table, weights[group]);
    }
  }
};

// The scales and offsets of kOutputs outputs of a step; `header` and `step` as in block_layout.h.
template <typename C>
[[gnu::always_inline]] inline void load_scales(const BlockFormat& format, const uint8_t* header, const uint8_t* step,
                                               int lanes, Floats (&scales)[C::kRuns], Floats (&offsets)[C::kRuns]) {
  const uint8_t* at = header + lanes * 2;
  Floats scale = C::kBf16Scale ? floats_from_bf16(at) : floats_from_f16(at);
  Floats offset{};
  if (C::kScales) scale = scale * format.factor;
  if (C::kOffsets) offset = floats_from_f16(at + 64) * format.offset_factor;
#pragma GCC unroll 2
  for (int run = 0; run < C::kRuns; run++) {
    scales[run] = C::kScales ? scale * floats_from_int8(step + run * 32 + lanes) : scale;
    offsets[run] =
        C::kOffsets && C::kScales ? offset * floats_from_uint8(step + (C::kRuns + run) * 32 + lanes) : offset;
  }
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
