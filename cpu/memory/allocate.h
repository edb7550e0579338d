// Zeroed memory from the system.
#pragma once

#include <cstdint>

#include "abi/objects/memory.h"

namespace upbeat {

// Small sizes come from the heap, 64-byte aligned; large ones are mapped, aligned to 2 MiB and marked for huge pages,
// and cost nothing until they are touched. Throws ApiError OUT_OF_MEMORY, also when the machine does not have `bytes`
// free: a promise that the kernel cannot keep would end with the process killed. `what` names the request in the
// message.
Memory allocate_memory(int64_t bytes, const char* what);

}  // namespace upbeat
