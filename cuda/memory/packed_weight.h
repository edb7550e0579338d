// A weight matrix in the layout that the kernels read.
#pragma once

#include <cstddef>
#include <cstdint>

#include "abi/types/dtype.h"

namespace upbeat {

// Kernels read weights in tiles of so many rows, and in windows of so many columns.
inline constexpr int kWeightRowStep = 16;
inline constexpr int kWeightColumnStep = 64;

// A weight matrix W [rows = outputs, columns = inputs]: row-major in its own dtype, every row and the number of rows
// padded with zeros, so that no kernel asks where the matrix ends and every row begins at a multiple of 128 bytes.
struct PackedWeight {
  void* data = nullptr;
  Dtype dtype = Dtype::f32;
  Dtype input = Dtype::f32;  // what linear rounds its inputs to: F32, not at all, or BF16
  int32_t rows = 0;
  int32_t columns = 0;
  int64_t stride = 0;  // elements from row to row

  constexpr int64_t padded_rows() const {
    return (int64_t(rows) + kWeightRowStep - 1) / kWeightRowStep * kWeightRowStep;
  }
};

}  // namespace upbeat
