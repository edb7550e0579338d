// A weight matrix as kernels take it.
#pragma once

#include <cstdint>

#include "abi/types/block_type.h"
#include "abi/types/dtype.h"

namespace upbeat {

// What the rows of a weight are in files: elements of `dtype`, or blocks.
struct WeightType {
  Dtype dtype = Dtype::f32;
  BlockType blocks = BlockType::none;
};

static constexpr const char* name_of(WeightType type) {
  const BlockSize* size = block_size(type.blocks);
  return size != nullptr ? size->name : name_of(type.dtype);
}

// Bytes of `columns` elements in a file, whole blocks of them.
static constexpr int64_t row_bytes(WeightType type, int64_t columns) {
  const BlockSize* size = block_size(type.blocks);
  return size != nullptr ? columns / size->columns * size->bytes : columns * int64_t(dtype_bytes(type.dtype));
}

// What linear takes its inputs as: as they are, each rounded to BF16, or in steps of 32 as 8-bit integers with a scale.
enum class InputType : int32_t { f32 = 0, bf16 = 2, i8 = 88 };

constexpr const char* name_of(InputType type) {
  return type == InputType::f32 ? "F32" : type == InputType::bf16 ? "BF16" : "I8";
}

// A matrix W [rows = outputs, columns = inputs] in the dtype or the blocks that it is packed in. The order of its
// elements, and the padding with zeros, are the library's own: kernels/linear/weight_layout.h.
struct PackedWeight {
  void* data = nullptr;
  Dtype dtype = Dtype::f32;
  InputType input = InputType::f32;
  int32_t rows = 0;
  int32_t columns = 0;
  int64_t padded_columns = 0;
  WeightType source;  // what its rows are loaded from
};

}  // namespace upbeat
