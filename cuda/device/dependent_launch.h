// Dependent launches: kernels of a graph that may begin before the kernel before them has ended (CUDA's programmatic
// dependent launch). kernels/common/machine.h has the rule that kernels follow.
#pragma once

#include <cuda_runtime.h>

#include "cuda/kernels/kernels.h"

namespace upbeat {

// Tries one on `where`, and waits for it. Throws ApiError UNAVAILABLE, with reason and remedy, when the GPU, the driver
// or the compiled code does not support it; FAULT when the device has broken down.
void check_dependent_launches(const cudaDeviceProp& properties, const Launch& where);

}  // namespace upbeat
