// Ranges for a profiler.
#include "abi/checks/checks.h"

using namespace upbeat;

extern "C" {

int32_t upbeat_range_push(const char* name) {
  return guarded("upbeat_range_push", [&] {
    check_pointer("name", name);
    push_range(name);
    return UPBEAT_OK;
  });
}

int32_t upbeat_range_pop(void) {
  return guarded("upbeat_range_pop", [&] {
    pop_range();
    return UPBEAT_OK;
  });
}

}  // extern "C"
