// Small sizes from the heap, large ones mapped.
#include "cpu/memory/allocate.h"

#include <atomic>
#include <cstring>

#include "abi/checks/error.h"
#include "abi/platform/platform.h"
#include "cpu/machine/machine.h"

namespace upbeat {

namespace {

constexpr int64_t kMapFrom = 1 << 20;

// Bytes mapped and not freed, by all devices: untouched pages still count as free memory in what the system reports.
std::atomic<int64_t> promised{0};

void free_heap(std::byte* data, int64_t) { platform::free_aligned(data); }

void free_mapped(std::byte* data, int64_t bytes) {
  platform::unmap_pages(data, size_t(bytes));
  promised -= bytes;
}

Memory allocate_heap(int64_t bytes, const char* what) {
  const size_t rounded = (size_t(bytes) + 63) / 64 * 64;
  void* address = platform::allocate_aligned(64, rounded);
  if (address == nullptr) {
    throw_error(UPBEAT_ERROR_OUT_OF_MEMORY, "%s: %lld bytes", what, static_cast<long long>(bytes));
  }
  std::memset(address, 0, rounded);
  return Memory(static_cast<std::byte*>(address), bytes, free_heap);
}

}  // namespace

Memory allocate_memory(int64_t bytes, const char* what) {
  if (bytes < kMapFrom) return allocate_heap(bytes, what);
  const MemoryAmount machine = machine_memory();
  if (bytes > machine.free || bytes > machine.total - promised.load()) {
    throw_error(UPBEAT_ERROR_OUT_OF_MEMORY,
                "%s: %lld bytes asked for; the machine has %lld, %lld free, and %lld given out", what,
                static_cast<long long>(bytes), static_cast<long long>(machine.total),
                static_cast<long long>(machine.free), static_cast<long long>(promised.load()));
  }
  void* pages = platform::map_pages(size_t(bytes));
  if (pages == nullptr) {
    throw_error(UPBEAT_ERROR_OUT_OF_MEMORY, "%s: the system refused %lld bytes", what, static_cast<long long>(bytes));
  }
  promised += bytes;
  return Memory(static_cast<std::byte*>(pages), bytes, free_mapped);
}

}  // namespace upbeat
