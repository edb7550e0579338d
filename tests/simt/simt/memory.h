// Global memory: the allocated addresses, and pointers that check every access.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <type_traits>

#include "block.h"

namespace simt {

// Every allocation, device and pinned host memory alike: kernels may reach both.
class Allocations {
 public:
  struct Range {
    uintptr_t begin = 0;
    uintptr_t end = 0;
  };

  static Allocations& process() {
    static Allocations* allocations = new Allocations;
    return *allocations;
  }

  void add(const void* address, size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto begin = reinterpret_cast<uintptr_t>(address);
    ranges_[begin] = begin + bytes;
    version_.fetch_add(1, std::memory_order_release);
  }

  void remove(const void* address) {
    const std::lock_guard lock(mutex_);
    ranges_.erase(reinterpret_cast<uintptr_t>(address));
    version_.fetch_add(1, std::memory_order_release);
  }

  // The last allocation that begins at or before the address; empty when there is none.
  Range at_or_before(const void* address) {
    const std::lock_guard lock(mutex_);
    auto after = ranges_.upper_bound(reinterpret_cast<uintptr_t>(address));
    if (after == ranges_.begin()) return {};
    --after;
    return {after->first, after->second};
  }

  bool contains(const void* address, size_t bytes) {
    const auto begin = reinterpret_cast<uintptr_t>(address);
    // The ranges that this thread used last, so that nearly all accesses take no lock.
    struct Recent {
      uint64_t version = 0;
      Range ranges[8];
      unsigned next = 0;
    };
    static thread_local Recent recent;
    const uint64_t version = version_.load(std::memory_order_acquire);
    if (recent.version != version) recent = {version, {}, 0};
    for (const Range& range : recent.ranges) {
      if (begin >= range.begin && begin < range.end) return begin + bytes <= range.end;
    }
    const Range range = at_or_before(address);
    if (begin < range.begin || begin + bytes > range.end) return false;
    recent.ranges[recent.next++ % 8] = range;
    return true;
  }

 private:
  std::mutex mutex_;
  std::map<uintptr_t, uintptr_t> ranges_;  // begin to end
  std::atomic<uint64_t> version_{1};
};

[[noreturn, gnu::noinline]] inline void refuse_global(const void* address, size_t bytes, const char* action) {
  const Allocations::Range near = Allocations::process().at_or_before(address);
  const auto at = reinterpret_cast<uintptr_t>(address);
  Text text = format("out of bounds: global %s of %zu bytes at %p", action, bytes, address);
  if (near.end == 0) {
    text.add(", which is no device memory");
  } else if (at < near.end) {
    text.add(", over the end of an allocation of %zu bytes", size_t(near.end - near.begin));
  } else {
    text.add(", %zu bytes behind the end of an allocation of %zu bytes (or in freed memory)", size_t(at - near.end),
             size_t(near.end - near.begin));
  }
  Block::current().fail(text);
}

// Memory that holds weights, which no captured kernel writes.
class WeightMemory {
 public:
  static Allocations& process() {
    static Allocations* weights = new Allocations;
    return *weights;
  }
};

// An access before the wait for earlier kernels: only reads of weights are allowed.
[[gnu::noinline]] inline void check_early(const void* address, size_t bytes, const char* action) {
  const bool reads = std::strstr(action, "read") != nullptr;
  const Allocations::Range weight = WeightMemory::process().at_or_before(address);
  const auto begin = reinterpret_cast<uintptr_t>(address);
  if (reads && begin >= weight.begin && begin + bytes <= weight.end) return;
  Block::current().fail(
      format("no wait: global %s of %zu bytes at %p, which %s, before the kernels before this one were "
             "waited for",
             action, bytes, address, reads ? "is no weight" : "is not reading"));
}

inline void check_global(const void* address, size_t bytes, size_t alignment, const char* action) {
  if (reinterpret_cast<uintptr_t>(address) % alignment != 0) {
    Block::current().fail(format("misaligned: global %s of %zu bytes at %p, which is not aligned to %zu", action, bytes,
                                 address, alignment));
  }
  if (!Allocations::process().contains(address, bytes)) refuse_global(address, bytes, action);
  if (!Block::current().thread().has_waited) check_early(address, bytes, action);
}

// The checked equivalent of a reference.
template <typename T>
class GlobalReference {
 public:
  explicit GlobalReference(T* address) : address_(address) {}
  operator std::remove_const_t<T>() const {
    check_global(address_, sizeof(T), alignof(T), "read");
    return *address_;
  }
  const GlobalReference& operator=(const T& value) const {
    check_global(address_, sizeof(T), alignof(T), "write");
    *address_ = value;
    return *this;
  }
  const GlobalReference& operator=(const GlobalReference& other) const { return *this = T(other); }

 private:
  T* address_;
};

}  // namespace simt

// A pointer to global memory, as kernels take it. Offsets are 64-bit.
template <typename T>
class Global {
 public:
  Global() = default;
  Global(T* address) : address_(address) {}
  template <typename U, typename = std::enable_if_t<std::is_same_v<T, const U>>>
  Global(Global<U> other) : address_(other.unchecked()) {}
  simt::GlobalReference<T> operator[](int64_t index) const { return simt::GlobalReference<T>(address_ + index); }
  simt::GlobalReference<T> operator*() const { return (*this)[0]; }
  Global operator+(int64_t offset) const { return Global(address_ + offset); }
  explicit operator bool() const { return address_ != nullptr; }
  T* unchecked() const { return address_; }

 private:
  T* address_ = nullptr;
};
