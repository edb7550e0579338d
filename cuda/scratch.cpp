// Growing.
#include "scratch.h"

#include <algorithm>

#include "device.h"

namespace upbeat {

std::byte* Scratch::reserve(Device& device, int64_t bytes) {
  if (pieces_.empty() || pieces_.back().bytes() < bytes) {
    const int64_t doubled = pieces_.empty() ? 0 : 2 * pieces_.back().bytes();
    pieces_.push_back(device.make_memory(MemoryKind::device, std::max(bytes, doubled), "scratch memory"));
  }
  return pieces_.back().data();
}

}  // namespace upbeat
