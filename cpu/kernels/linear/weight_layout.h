// In what order a packed weight lies in memory.
//
// Panels of 32 consecutive outputs; within a panel, for each input k in order, the 32 weights of those outputs side by
// side. So SIMD lanes are outputs, and every sum of products runs over k in order, in GEMM and GEMV alike. (Kernels
// with tile registers order BF16 weights within a panel in their own way: packed_layout.inl.) Memory is 64-byte
// aligned, in huge pages where the system provides them. Everything here is static, so that no copy compiled for a wide
// instruction set is shared with generic code.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "abi/types/packed_weight.h"

namespace upbeat {

// Outputs of one panel.
inline constexpr int kPanelColumns = 32;

static inline int64_t padded_rows(const PackedWeight& weight) {
  return (int64_t(weight.rows) + kPanelColumns - 1) / kPanelColumns * kPanelColumns;
}

static inline int panel_count(const PackedWeight& weight) { return int(padded_rows(weight) / kPanelColumns); }

static inline size_t panel_bytes(const PackedWeight& weight) {
  return size_t(weight.padded_columns) * kPanelColumns * dtype_bytes(weight.dtype);
}

static inline size_t packed_bytes(const PackedWeight& weight) {
  return size_t(panel_count(weight)) * panel_bytes(weight);
}

}  // namespace upbeat
