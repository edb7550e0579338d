// Ranges for a profiler: NVTX, which is headers alone, and a jump over nothing where no profiler has loaded itself.
#pragma once

#if !defined(UPBEAT_SIMT) && __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define UPBEAT_NVTX
#endif

namespace upbeat {

#if defined(UPBEAT_NVTX)

inline void push_range(const char* name) { nvtxRangePushA(name); }
inline void pop_range() { nvtxRangePop(); }

#else

inline void push_range(const char*) {}
inline void pop_range() {}

#endif

}  // namespace upbeat
