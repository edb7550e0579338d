// Small sizes from the heap, large ones mapped.
#include "cpu/memory/allocate.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "abi/checks/error.h"
#include "cpu/machine/machine.h"

namespace upbeat {

namespace {

constexpr int64_t kMapFrom = 1 << 20;
constexpr size_t kHugePage = 2 << 20;

// Bytes mapped and not freed, by all devices: untouched pages still count as free memory in what the system reports.
std::atomic<int64_t> promised{0};

size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

bool uses_huge_pages(int64_t bytes) { return bytes >= int64_t(kHugePage); }

size_t mapped_bytes(int64_t bytes) { return round_up(size_t(bytes), uses_huge_pages(bytes) ? kHugePage : 4096); }

void free_heap(std::byte* data, int64_t) { std::free(data); }

void free_mapped(std::byte* data, int64_t bytes) {
  munmap(data, mapped_bytes(bytes));
  promised -= bytes;
}

Memory allocate_heap(int64_t bytes, const char* what) {
  const size_t rounded = round_up(size_t(bytes), 64);
  void* address = std::aligned_alloc(64, rounded);
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
  // Mapped with one huge page to spare, so that a start on a huge page's boundary can be cut out.
  const size_t wanted = mapped_bytes(bytes);
  const size_t reserved = uses_huge_pages(bytes) ? wanted + kHugePage : wanted;
  void* map = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) {
    throw_error(UPBEAT_ERROR_OUT_OF_MEMORY, "%s: the system refused %lld bytes", what, static_cast<long long>(bytes));
  }
  auto* start = static_cast<std::byte*>(map);
  if (uses_huge_pages(bytes)) {
    const auto address = reinterpret_cast<uintptr_t>(start);
    const size_t before = round_up(address, kHugePage) - address;
    const size_t after = reserved - before - wanted;
    if (before > 0) munmap(start, before);
    start += before;
    if (after > 0) munmap(start + wanted, after);
#if defined(MADV_HUGEPAGE)
    madvise(start, wanted, MADV_HUGEPAGE);  // advice: without it everything works, with more TLB misses
#endif
  }
  promised += bytes;
  return Memory(start, bytes, free_mapped);
}

}  // namespace upbeat
