// The CUDA runtime's errors as errors of the ABI.
#pragma once

#include <cuda_runtime.h>

#include "abi/checks/error.h"

namespace upbeat {

// Throws ApiError unless the call succeeded: UNAVAILABLE, OUT_OF_MEMORY, FAULT for sticky errors, INTERNAL for any
// other. The message names the action (`doing`) and, where there is one, the remedy.
void check_cuda(cudaError_t status, const char* doing);

// The same while the GPU is being opened: UNAVAILABLE also for what a driver or another program may cause.
void check_open(cudaError_t status, const char* doing);

// Whether the device can do no work after this error until it is reset.
bool is_sticky(cudaError_t status);

}  // namespace upbeat
