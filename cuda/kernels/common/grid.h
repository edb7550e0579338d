// Grid sizes.
#pragma once

#include <algorithm>
#include <cstdint>

namespace upbeat {

constexpr int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Blocks for a loop over `items` in steps of the grid: enough to fill the device several times over.
inline unsigned loop_blocks(int64_t items, int threads, int multiprocessors) {
  return unsigned(std::clamp<int64_t>(ceil_divide(items, threads), 1, int64_t(multiprocessors) * 16));
}

}  // namespace upbeat
