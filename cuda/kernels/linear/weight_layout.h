// In what order a packed weight lies in memory: row-major, every row and the number of rows padded with zeros, so that
// no kernel checks where the matrix ends and every row begins at a multiple of 128 bytes.
#pragma once

#include <cstdint>

#include "abi/types/packed_weight.h"

namespace upbeat {

// Kernels read weights in tiles of this many rows, and in windows of this many columns.
inline constexpr int kWeightRowStep = 16;
inline constexpr int kWeightColumnStep = 64;

constexpr int64_t padded_rows(const PackedWeight& weight) {
  return (int64_t(weight.rows) + kWeightRowStep - 1) / kWeightRowStep * kWeightRowStep;
}

// A weight of this layout, without memory. Blocks are expanded to BF16.
constexpr PackedWeight packed_weight(WeightType type, int32_t rows, int32_t columns, InputType input) {
  const Dtype dtype = type.blocks == BlockType::none ? type.dtype : Dtype::bf16;
  const int64_t padded_columns = (int64_t(columns) + kWeightColumnStep - 1) / kWeightColumnStep * kWeightColumnStep;
  return {nullptr, dtype, input, rows, columns, padded_columns, type};
}

}  // namespace upbeat
