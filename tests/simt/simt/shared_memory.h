// Shared memory that records which threads wrote and read each two bytes since the last barrier.
//
// Two accesses race when at least one of them writes, they come from different threads, and no barrier separates them:
// neither __syncthreads() nor, within a warp, __syncwarp() of all its lanes. Two atomic operations do not race. Reading
// memory that the block has never written is a finding too, and so is reading the target of an asynchronous copy before
// its thread has waited for it, which is when it is written. Elements have at least two bytes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "block.h"

namespace simt {

inline constexpr size_t kGrain = 2;

// The latest accesses to two bytes. Epochs count barriers; accesses of older epochs do not matter.
struct Trace {
  uint32_t write_epoch = 0, read_epoch = 0, atomic_epoch = 0;
  uint32_t write_warp_epoch = 0, read_warp_epoch = 0;
  uint16_t writer = 0, reader = 0, atomic = 0;
  bool read_by_lanes = false;  // of the reader's warp, since its last __syncwarp()
  bool read_by_warps = false;
  bool atomic_by_others = false;
  bool in_flight = false;  // the target of a copy that was not waited for yet
};

enum class Access { read, write, atomic, copy_begun };

[[noreturn, gnu::noinline]] inline void refuse_race(Access access, const char* before, int other) {
  constexpr const char* kNames[] = {"read", "write", "atomic operation", "copy"};
  Block::current().fail(format("shared memory race: this %s and %s by thread %d have no barrier between them",
                               kNames[int(access)], before, other));
}

class Tracing {
 public:
  Tracing() : block_(Block::current()), thread_(block_.thread()), epoch_(block_.epoch()), warp_(block_.warp().epoch) {}

  void read(Trace& trace) const {
    if (trace.in_flight && trace.write_epoch >= block_.first_epoch()) {
      block_.fail(format("shared memory read before the asynchronous copy to it was waited for"));
    }
    if (trace.write_epoch < block_.first_epoch() && trace.atomic_epoch < block_.first_epoch()) {
      block_.fail(format("shared memory read before anything was written to it: a barrier may be missing"));
    }
    if (trace.write_epoch == epoch_ && unordered(trace.writer, trace.write_warp_epoch)) {
      refuse_race(Access::read, "a write", trace.writer);
    }
    if (trace.atomic_epoch == epoch_ && (trace.atomic_by_others || trace.atomic != id())) {
      refuse_race(Access::read, "an atomic operation", trace.atomic);
    }
    if (trace.read_epoch != epoch_) {
      trace.read_epoch = epoch_;
      trace.read_by_lanes = trace.read_by_warps = false;
    } else if (trace.reader / kWarp != thread_.warp()) {
      trace.read_by_warps = true;
    } else if (trace.read_warp_epoch != warp_) {
      trace.read_by_lanes = false;
    } else if (trace.reader != id()) {
      trace.read_by_lanes = true;
    }
    trace.reader = id();
    trace.read_warp_epoch = warp_;
  }

  void write(Trace& trace, Access access = Access::write) const {
    if (trace.write_epoch == epoch_ && unordered(trace.writer, trace.write_warp_epoch)) {
      refuse_race(access, "a write", trace.writer);
    }
    if (trace.read_epoch == epoch_ &&
        (trace.read_by_warps || trace.reader / kWarp != thread_.warp() ||
         (trace.read_warp_epoch == warp_ && (trace.read_by_lanes || trace.reader != id())))) {
      refuse_race(access, "a read", trace.reader);
    }
    if (access == Access::atomic) {
      trace.atomic_by_others = trace.atomic_epoch == epoch_ && (trace.atomic_by_others || trace.atomic != id());
      trace.atomic_epoch = epoch_;
      trace.atomic = id();
      return;
    }
    if (trace.atomic_epoch == epoch_ && (trace.atomic_by_others || trace.atomic != id())) {
      refuse_race(access, "an atomic operation", trace.atomic);
    }
    trace.write_epoch = epoch_;
    trace.write_warp_epoch = warp_;
    trace.writer = id();
    trace.in_flight = access == Access::copy_begun;
  }

 private:
  uint16_t id() const { return uint16_t(thread_.id); }
  bool unordered(int other, uint32_t warp_epoch) const {
    return other != thread_.id && (other / kWarp != thread_.warp() || warp_epoch == warp_);
  }

  Block& block_;
  Thread& thread_;
  const uint32_t epoch_;
  const uint32_t warp_;
};

// A range of shared memory with its traces; checked pointers point into one.
struct SharedRange {
  std::byte* data = nullptr;
  Trace* traces = nullptr;
  int64_t bytes = 0;
  // Whether words of four bytes have been accessed by halves. Until then the first half's trace stands for both.
  bool halves = false;

  void split_words() {
    for (int64_t i = 0; i + 1 < bytes / int64_t(kGrain); i += 2) traces[i + 1] = traces[i];
    halves = true;
  }
};

inline void check_shared(SharedRange& range, int64_t offset, size_t bytes, size_t alignment, Access access) {
  if (offset < 0 || offset + int64_t(bytes) > range.bytes) {
    Block::current().fail(format("out of bounds: shared access of %zu bytes at %lld of %lld", bytes,
                                 static_cast<long long>(offset), static_cast<long long>(range.bytes)));
  }
  if (offset % int64_t(alignment) != 0) {
    Block::current().fail(format("misaligned: shared access of %zu bytes at %lld, which is not aligned to %zu", bytes,
                                 static_cast<long long>(offset), alignment));
  }
  const Tracing tracing;
  Trace* trace = range.traces + size_t(offset) / kGrain;
  const bool words = offset % 4 == 0 && bytes % 4 == 0;
  if (!words && !range.halves) range.split_words();
  for (size_t i = 0; i < bytes / kGrain; i += range.halves ? 1 : 2) {
    if (access == Access::read) {
      tracing.read(trace[i]);
    } else {
      tracing.write(trace[i], access);
    }
  }
}

template <typename T>
class SharedReference {
 public:
  SharedReference(SharedRange& range, int64_t offset) : range_(range), offset_(offset) {}
  operator std::remove_const_t<T>() const {
    check_shared(range_, offset_, sizeof(T), alignof(T), Access::read);
    return *address();
  }
  const SharedReference& operator=(const T& value) const {
    check_shared(range_, offset_, sizeof(T), alignof(T), Access::write);
    *address() = value;
    return *this;
  }
  const SharedReference& operator=(const SharedReference& other) const { return *this = T(other); }

 private:
  T* address() const { return reinterpret_cast<T*>(range_.data + offset_); }
  SharedRange& range_;
  int64_t offset_;
};

// Traces of the block's dynamic shared memory.
inline SharedRange& dynamic_range() {
  static thread_local std::vector<Trace> traces;
  static thread_local SharedRange range;
  Block& block = Block::current();
  if (traces.size() * kGrain < block.dynamic_bytes()) traces.resize(block.dynamic_bytes() / kGrain + 1);
  range = {block.dynamic_shared(), traces.data(), int64_t(block.dynamic_bytes()), range.halves};
  return range;
}

}  // namespace simt

// A pointer into shared memory.
template <typename T>
class Shared {
 public:
  static_assert(sizeof(T) % simt::kGrain == 0);
  Shared() = default;
  Shared(simt::SharedRange& range, int64_t offset) : range_(&range), offset_(offset) {}
  simt::SharedReference<T> operator[](int64_t index) const {
    return simt::SharedReference<T>(*range_, offset_ + index * int64_t(sizeof(T)));
  }
  Shared operator+(int64_t count) const { return Shared(*range_, offset_ + count * int64_t(sizeof(T))); }

  simt::SharedRange& range() const { return *range_; }
  int64_t offset() const { return offset_; }

  // For operations of the emulator itself: checked here, used as plain memory there.
  T* checked(size_t bytes, size_t alignment, simt::Access access) const {
    simt::check_shared(*range_, offset_, bytes, alignment, access);
    return reinterpret_cast<T*>(range_->data + offset_);
  }

 private:
  simt::SharedRange* range_ = nullptr;
  int64_t offset_ = 0;
};

// An array in shared memory, declared as `__shared__ SharedArray<float, 64> sums;`. All blocks of a system thread use
// the same memory one after the other; what an earlier block wrote counts as unwritten.
template <typename T, int Count>
class SharedArray {
 public:
  static_assert(sizeof(T) % simt::kGrain == 0);
  simt::SharedReference<T> operator[](int64_t index) {
    return simt::SharedReference<T>(range(), index * int64_t(sizeof(T)));
  }
  operator Shared<T>() { return Shared<T>(range(), 0); }
  Shared<T> operator+(int64_t offset) { return Shared<T>(range(), offset * int64_t(sizeof(T))); }

 private:
  struct Storage {
    alignas(16) std::array<std::byte, sizeof(T) * Count> data;
    std::array<simt::Trace, sizeof(T) * Count / simt::kGrain> traces;
    simt::SharedRange range = {data.data(), traces.data(), int64_t(data.size())};
  };

  simt::SharedRange& range() {
    if (storage_ == nullptr) storage_ = std::make_unique<Storage>();
    return storage_->range;
  }

  std::unique_ptr<Storage> storage_;
};

// Dynamic shared memory from a byte offset, which must be aligned for T.
template <typename T>
Shared<T> dynamic_shared(int64_t byte_offset = 0) {
  return Shared<T>(simt::dynamic_range(), byte_offset);
}
