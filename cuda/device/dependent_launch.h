// Dependent launches: kernels of a graph that may begin before the kernel before them has ended (CUDA's programmatic
// dependent launch). machine.h has the rule that kernels keep.
#pragma once

#include <cuda_runtime.h>

#include "cuda/kernels/kernels.h"

namespace upbeat {

// Tries one on `where`, and waits for it. Throws ApiError UNAVAILABLE, with reason and remedy, when GPU, driver or the
// code that was compiled for this GPU cannot do it; FAULT when the device has broken down.
void check_dependent_launches(const cudaDeviceProp& properties, const Launch& where);

}  // namespace upbeat
