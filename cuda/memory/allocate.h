// Zeroed memory of the device, or pinned on the host.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "abi/objects/memory.h"
#include "abi/types/memory_kind.h"

namespace upbeat {

// Throws ApiError OUT_OF_MEMORY. Device memory is cleared by work on `stream`, which is waited for. `what` names the
// request in the message.
Memory allocate_memory(MemoryKind kind, int64_t bytes, cudaStream_t stream, const char* what);

}  // namespace upbeat
