// Memory with an owner: zeroed pages from the system.
#pragma once

#include <cstddef>
#include <cstdint>

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

}  // namespace upbeat
