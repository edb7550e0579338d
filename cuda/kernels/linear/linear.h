// The two kernels of linear, with the same bits.
#pragma once

#include "cuda/kernels/common/elements.cuh"
#include "cuda/kernels/kernels.h"

namespace upbeat {

// Most input rows of the decode kernel.
inline constexpr int kMostDecodeRows = 32;

// For few rows. Input rows must begin at multiples of 16 bytes.
cudaError_t launch_linear_decode(const LinearArguments& arguments, const Launch& launch);

// For any rows. Takes scratch memory: six bytes per input (two with BF16 inputs) of at most 1024 rows.
cudaError_t launch_linear_prefill(const LinearArguments& arguments, const Launch& launch);

// Calls launcher.template operator()<Element, terms of an input>().
template <typename Launcher>
cudaError_t with_linear_types(const PackedWeight& weight, Launcher&& launcher) {
  const bool rounded = weight.input == InputType::bf16;
  return with_element(weight.dtype, [&]<typename Element>() {
    // F32 weights never round their inputs (CudaDevice::multiplies).
    if constexpr (sizeof(Element) == 2) {
      if (rounded) return launcher.template operator()<Element, 1>();
    }
    return launcher.template operator()<Element, 3>();
  });
}

}  // namespace upbeat
