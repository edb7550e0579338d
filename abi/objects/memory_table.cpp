// Finding, adding and removing allocations.
#include "abi/objects/memory_table.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

namespace upbeat {

ptrdiff_t MemoryTable::find(const void* address) const {
  const auto* byte = static_cast<const std::byte*>(address);
  const auto after = std::upper_bound(
      entries_.begin(), entries_.end(), byte,
      [](const std::byte* at, const Entry& entry) { return std::less<const std::byte*>()(at, entry.memory.data()); });
  return after - entries_.begin() - 1;
}

std::byte* MemoryTable::add(MemoryKind kind, Memory memory) {
  std::byte* address = memory.data();
  const int64_t bytes = memory.bytes();
  entries_.insert(entries_.begin() + (find(address) + 1), Entry{kind, std::move(memory)});
  (kind == MemoryKind::device ? device_bytes_ : host_bytes_) += bytes;
  return address;
}

bool MemoryTable::remove(MemoryKind kind, const void* address) {
  const ptrdiff_t index = find(address);
  if (index < 0) return false;
  const Entry& entry = entries_[size_t(index)];
  if (entry.kind != kind || entry.memory.data() != address) return false;
  (kind == MemoryKind::device ? device_bytes_ : host_bytes_) -= entry.memory.bytes();
  entries_.erase(entries_.begin() + index);
  return true;
}

int64_t MemoryTable::room_at(const void* address, MemoryKind* kind) const {
  const ptrdiff_t index = find(address);
  if (index < 0) return -1;
  const Entry& entry = entries_[size_t(index)];
  // Unsigned: from an allocation to an address near the end of the address space is more than an int64_t.
  const uintptr_t offset = reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(entry.memory.data());
  if (offset >= uintptr_t(entry.memory.bytes())) return -1;
  if (kind != nullptr) *kind = entry.kind;
  return entry.memory.bytes() - int64_t(offset);
}

}  // namespace upbeat
