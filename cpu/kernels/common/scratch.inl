// Working memory of kernels. It belongs to the thread that calls the kernel (a stream's thread), grows to the largest
// call, and is divided among the workers by index, so that a call allocates nothing once warm.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "abi/platform/platform.h"
#include "cpu/kernels/common/simd.h"
#include "cpu/kernels/kernels.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

struct Scratch {
  uint8_t* data = nullptr;
  size_t capacity = 0;

  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { platform::free_aligned(data); }

  // At least `bytes`, 64-byte aligned, with undefined contents, or null. `zeroed`: fresh memory is zeros, and the
  // kernel leaves zeros behind.
  uint8_t* reserve(size_t bytes, bool zeroed = false) {
    if (bytes <= capacity) return data;
    const size_t rounded = (bytes + bytes / 4 + 4095) / 4096 * 4096;
    platform::free_aligned(data);
    data = static_cast<uint8_t*>(platform::allocate_aligned(4096, rounded));
    capacity = data ? rounded : 0;
    if (data && zeroed) __builtin_memset(data, 0, capacity);
    return data;
  }
};

// Carves aligned arrays out of one block; a first pass with a null base measures its size.
struct Carver {
  uint8_t* base;
  size_t used = 0;

  template <typename Element>
  Element* take(size_t count) {
    const size_t offset = used;
    used = (used + count * sizeof(Element) + 63) / 64 * 64;
    return base ? reinterpret_cast<Element*>(base + offset) : nullptr;
  }
};

// Writes a fault's message. Returns false, the kernel's result.
[[gnu::format(printf, 2, 3)]] inline bool fail(Fault& fault, const char* format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(fault.message, sizeof fault.message, format, values);
  va_end(values);
  return false;
}

inline bool fail_memory(Fault& fault, const char* kernel, size_t bytes) {
  return fail(fault, "%s: out of memory for %zu bytes of working space", kernel, bytes);
}

// Calls body(begin, end) on ranges that cover [0, count). Each range but the last has `grain` items, the fewest worth
// another thread.
template <typename Body>
void for_ranges(ThreadPool& pool, int count, int grain, Body&& body) {
  if (pool.size() == 1 || count <= grain) {
    if (count > 0) body(0, count);
    return;
  }
  const int tasks = (count - 1) / grain + 1;
  pool.run(tasks, [&](int task, int) {
    const int begin = task * grain;
    body(begin, count - begin < grain ? count : begin + grain);
  });
}

// How many items of `elements` each are worth a task.
inline int grain_of(int64_t elements) {
  constexpr int64_t kTaskElements = 16384;
  return elements >= kTaskElements ? 1 : int(kTaskElements / (elements > 0 ? elements : 1));
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
