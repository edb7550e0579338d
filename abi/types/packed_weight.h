// A weight matrix as kernels take it.
#pragma once

#include <cstdint>

#include "abi/types/dtype.h"

namespace upbeat {

// A matrix W [rows = outputs, columns = inputs] in its own dtype. The order of its elements, and the padding with zeros,
// are the library's own: kernels/linear/weight_layout.h.
struct PackedWeight {
  void* data = nullptr;
  Dtype dtype = Dtype::f32;
  Dtype input = Dtype::f32;  // what linear rounds its inputs to: BF16, or F32 for inputs as they are
  int32_t rows = 0;
  int32_t columns = 0;
  int64_t padded_columns = 0;
};

}  // namespace upbeat
