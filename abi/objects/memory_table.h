// The allocations of a device. Every address that a call passes is checked against this table: a wrong address is an
// error for the caller to read, not a crash of its process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "abi/objects/memory.h"
#include "abi/types/memory_kind.h"

namespace upbeat {

class MemoryTable {
 public:
  // Adds an allocation and returns its address.
  std::byte* add(MemoryKind kind, Memory memory);

  // Frees the allocation that starts at `address`; false when there is none of this kind.
  bool remove(MemoryKind kind, const void* address);

  // Bytes from `address` to the end of the allocation it lies in; -1 when it lies in none.
  int64_t room_at(const void* address, MemoryKind* kind) const;

  // Frees all.
  void clear() { *this = MemoryTable(); }

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
