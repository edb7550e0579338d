// A weight matrix in the layout that the kernels read.
#pragma once

#include <cstddef>
#include <cstdint>

#include "abi/types/dtype.h"

namespace upbeat {

// Output columns that one panel of a packed weight holds; also the alignment of every panel in columns.
inline constexpr int kPanelColumns = 32;

// A weight matrix W [rows = outputs, columns = inputs] as the kernels read it: panels of 32 consecutive outputs; within
// a panel, for each input k in order, the 32 weights of those outputs side by side, in the matrix's own dtype. Outputs
// beyond `rows` in the last panel are zeros. So SIMD lanes are outputs, and every product sum runs over k in order, in
// GEMM and GEMV alike. (Kernels with tile registers order BF16 weights within a panel in their own way:
// packed_layout.inl.)
struct PackedWeight {
  void* data = nullptr;  // 64-byte aligned, huge pages where the system gives them; zeros until filled
  Dtype dtype = Dtype::f32;
  Dtype input = Dtype::f32;  // what linear rounds its inputs to: F32, not at all, or BF16
  int32_t rows = 0;
  int32_t columns = 0;
  int64_t padded_columns = 0;  // as many as a panel has room for; zeros beyond `columns`

  int panels() const { return (rows + kPanelColumns - 1) / kPanelColumns; }
  size_t panel_bytes() const { return size_t(padded_columns) * kPanelColumns * dtype_bytes(dtype); }
  size_t bytes() const { return size_t(panels()) * panel_bytes(); }
};

}  // namespace upbeat
