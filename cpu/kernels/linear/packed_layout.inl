// The place of a weight in its panel. weight_layout.h describes the common order; tile registers need another one for
// BF16: two inputs of one output side by side, 16 outputs a line, so that a tile is 16 consecutive lines.
#pragma once

#include "cpu/kernels/common/simd.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/linear/weight_layout.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

template <typename Element>
struct PackedLayout {
  using Word = Element;

  // The index in its panel of input `k` of the panel's output `lane`.
  static size_t at(int lane, int k) { return size_t(k) * kPanelColumns + size_t(lane); }
};

#if defined(UPBEAT_KERNELS_AMX)

// [pairs of inputs][2 halves of the panel][16 outputs][2 inputs], whole tiles of 32 inputs, zeros beyond the last.
inline constexpr int kBf16ColumnStep = 32;

template <>
struct PackedLayout<Bf16> {
  using Word = Bf16;

  static size_t at(int lane, int k) {
    return size_t(k / 2) * 2 * kPanelColumns + size_t(lane / 16 * 32 + lane % 16 * 2 + k % 2);
  }
};

#else

inline constexpr int kBf16ColumnStep = 1;

#endif

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
