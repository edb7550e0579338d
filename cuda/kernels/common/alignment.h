// Whether operands allow 16-byte loads.
#pragma once

#include <cstdint>

namespace upbeat {

template <typename... Pointers>
bool all_aligned(Pointers... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

}  // namespace upbeat
