// NVTX ranges. NVTX is headers only, and a jump to an empty function where no profiler has loaded itself.
#include "abi/backend.h"

#if !defined(UPBEAT_SIMT) && __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define UPBEAT_NVTX
#endif

namespace upbeat {

#if defined(UPBEAT_NVTX)

void push_range(const char* name) { nvtxRangePushA(name); }
void pop_range() { nvtxRangePop(); }

#else

void push_range(const char*) {}
void pop_range() {}

#endif

}  // namespace upbeat
