// The CUDA runtime's errors as the ABI's.
#pragma once

#include <cuda_runtime.h>

#include "abi/checks/error.h"

namespace upbeat {

// Throws ApiError unless the call went well: UNAVAILABLE, OUT_OF_MEMORY, FAULT for what poisons the device, INTERNAL
// for anything else; with a sentence that names what was being done and, where there is one, the remedy.
void check_cuda(cudaError_t status, const char* doing);

// Whether the device does no work any more after this error, until it is opened anew.
bool is_sticky(cudaError_t status);

}  // namespace upbeat
