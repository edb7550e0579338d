// Memory with an owner: of the device, or pinned on the host.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "abi/types/memory_kind.h"

namespace upbeat {

// Zeroed memory, freed with its object.
class Memory {
 public:
  Memory() = default;
  // Throws ApiError OUT_OF_MEMORY. The zeros are written by `stream`, which is waited for. `what` names the request in
  // the message.
  Memory(MemoryKind kind, int64_t bytes, cudaStream_t stream, const char* what);
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

  MemoryKind kind_ = MemoryKind::device;
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace upbeat
