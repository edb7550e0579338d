// Growing by doubling.
#include "cuda/memory/scratch.h"

#include <algorithm>

#include "cuda/device/device.h"

namespace upbeat {

std::byte* Scratch::reserve(CudaDevice& device, int64_t bytes) {
  return grow(pieces_, device, bytes, "scratch memory");
}

int32_t* Scratch::counters(CudaDevice& device, int64_t count) {
  return reinterpret_cast<int32_t*>(grow(counters_, device, count * int64_t(sizeof(int32_t)), "counters"));
}

void Scratch::reserve_like(CudaDevice& device, const Scratch& other) {
  if (!other.pieces_.empty()) reserve(device, other.pieces_.back().bytes());
  if (!other.counters_.empty()) counters(device, other.counters_.back().bytes() / int64_t(sizeof(int32_t)));
}

std::byte* Scratch::grow(std::vector<Memory>& pieces, CudaDevice& device, int64_t bytes, const char* what) {
  if (pieces.empty() || pieces.back().bytes() < bytes) {
    const int64_t doubled = pieces.empty() ? 0 : 2 * pieces.back().bytes();
    pieces.push_back(device.allocate(MemoryKind::device, std::max(bytes, doubled), what));
  }
  return pieces.back().data();
}

}  // namespace upbeat
