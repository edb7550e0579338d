// Elements of weights and caches.
#pragma once

#include <cstdint>

#include "abi/types/dtype.h"
#include "cuda/kernels/common/machine.h"

namespace upbeat {

struct Bf16 {
  uint16_t bits;
};
struct F16 {
  uint16_t bits;
};

__device__ inline float to_f32(float value) { return value; }
__device__ inline float to_f32(Bf16 value) { return __uint_as_float(uint32_t(value.bits) << 16); }
__device__ inline float to_f32(F16 value) { return f32_from_f16(value.bits); }

template <typename Element>
__device__ Element from_f32(float value) {
  if constexpr (sizeof(Element) == 4) {
    return value;
  } else {
    return Element{bf16_from_f32(value)};
  }
}

// Calls launch.template operator()<Element>() with the element type of a dtype.
template <typename Launcher>
cudaError_t with_element(Dtype dtype, Launcher&& launcher) {
  switch (dtype) {
    case Dtype::f32:
      return launcher.template operator()<float>();
    case Dtype::f16:
      return launcher.template operator()<F16>();
    case Dtype::bf16:
      return launcher.template operator()<Bf16>();
  }
  return cudaErrorInvalidValue;
}

}  // namespace upbeat
