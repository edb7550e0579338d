// Memory with an owner: zeroed pages from the system, and the table that knows which addresses a device has given out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace upbeat {

// Zeroed memory, freed with its object. Small sizes come from the heap, 64-byte aligned; large ones are mapped, aligned
// to 2 MiB and marked for huge pages, and cost nothing until they are touched.
class Memory {
 public:
  Memory() = default;
  // Throws ApiError OUT_OF_MEMORY, also when the machine does not have `bytes` free: a promise the kernel cannot keep
  // would end in its killing the process. `what` names the request in the message.
  Memory(int64_t bytes, const char* what);
  ~Memory();
  Memory(Memory&& other) noexcept { swap(other); }
  Memory& operator=(Memory&& other) noexcept {
    swap(other);
    return *this;
  }

  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  void swap(Memory& other) noexcept;

  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
  size_t mapped_ = 0;  // 0: from the heap
};

enum class MemoryKind { device, host };

// The allocations of one device, by address.
class MemoryTable {
 public:
  // Adds an allocation and returns its address.
  std::byte* add(MemoryKind kind, Memory memory);

  // Frees the allocation that starts at `address`; false when there is none of this kind.
  bool remove(MemoryKind kind, const void* address);

  // Bytes from `address` to the end of the allocation that holds it; -1 when none does.
  int64_t room_at(const void* address, MemoryKind* kind) const;

  int64_t bytes(MemoryKind kind) const { return kind == MemoryKind::device ? device_bytes_ : host_bytes_; }

 private:
  struct Entry {
    MemoryKind kind;
    Memory memory;
  };
  // The index of the last entry that starts at or before `address`, or -1.
  ptrdiff_t find(const void* address) const;

  std::vector<Entry> entries_;  // by address
  int64_t device_bytes_ = 0;
  int64_t host_bytes_ = 0;
};

}  // namespace upbeat
