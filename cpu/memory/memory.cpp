// Allocation.
#include "cpu/memory/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "abi/checks/error.h"
#include "cpu/machine/machine.h"

namespace upbeat {

namespace {

constexpr int64_t kMapFrom = 1 << 20;
constexpr size_t kHugePage = 2 << 20;

// Bytes mapped and not freed, by all devices: pages not touched yet do not show in what the system calls free.
std::atomic<int64_t> promised{0};

size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

Memory::Memory(int64_t bytes, const char* what) : bytes_(bytes) {
  if (bytes < kMapFrom) {
    const size_t rounded = round_up(size_t(bytes), 64);
    void* address = std::aligned_alloc(64, rounded);
    if (address == nullptr) {
      throw_error(UPBEAT_ERROR_OUT_OF_MEMORY, "%s: %lld bytes", what, static_cast<long long>(bytes));
    }
    std::memset(address, 0, rounded);
    data_ = static_cast<std::byte*>(address);
    return;
  }
  const MemoryAmount machine = machine_memory();
  if (bytes > machine.free || bytes > machine.total - promised.load()) {
    throw_error(UPBEAT_ERROR_OUT_OF_MEMORY,
                "%s: %lld bytes asked for; the machine has %lld, %lld free, and %lld given out", what,
                static_cast<long long>(bytes), static_cast<long long>(machine.total),
                static_cast<long long>(machine.free), static_cast<long long>(promised.load()));
  }
  // Mapped with one huge page to spare, so that a start on a huge page's boundary can be cut out.
  const bool huge = bytes >= int64_t(kHugePage);
  const size_t wanted = round_up(size_t(bytes), huge ? kHugePage : 4096);
  const size_t reserved = huge ? wanted + kHugePage : wanted;
  void* map = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) {
    throw_error(UPBEAT_ERROR_OUT_OF_MEMORY, "%s: the system refused %lld bytes", what, static_cast<long long>(bytes));
  }
  auto* start = static_cast<std::byte*>(map);
  if (huge) {
    auto* aligned =
        start + (round_up(reinterpret_cast<uintptr_t>(start), kHugePage) - reinterpret_cast<uintptr_t>(start));
    const size_t before = size_t(aligned - start);
    const size_t after = reserved - before - wanted;
    if (before > 0) munmap(start, before);
    if (after > 0) munmap(aligned + wanted, after);
    start = aligned;
#if defined(MADV_HUGEPAGE)
    madvise(start, wanted, MADV_HUGEPAGE);  // advice: without it everything works, with more TLB misses
#endif
  }
  data_ = start;
  mapped_ = wanted;
  promised += bytes;
}

Memory::~Memory() {
  if (mapped_ > 0) {
    munmap(data_, mapped_);
    promised -= bytes_;
  } else {
    std::free(data_);
  }
}

void Memory::swap(Memory& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(mapped_, other.mapped_);
}

}  // namespace upbeat
