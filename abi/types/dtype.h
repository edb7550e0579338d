// Element types.
#pragma once

#include <cstddef>
#include <cstdint>

namespace upbeat {

enum class Dtype : int32_t { f32 = 0, f16 = 1, bf16 = 2 };

constexpr const char* name_of(Dtype dtype) {
  return dtype == Dtype::f32 ? "F32" : dtype == Dtype::f16 ? "F16" : "BF16";
}

constexpr size_t dtype_bytes(Dtype dtype) { return dtype == Dtype::f32 ? 4 : 2; }

}  // namespace upbeat
