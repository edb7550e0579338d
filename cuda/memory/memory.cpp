// Allocation on the device and of pinned pages.
#include "cuda/memory/memory.h"

#include <cstring>
#include <utility>

#include "cuda/device/status.h"

namespace upbeat {

Memory::Memory(MemoryKind kind, int64_t bytes, cudaStream_t stream, const char* what) : kind_(kind), bytes_(bytes) {
  void* address = nullptr;
  const cudaError_t status = kind == MemoryKind::device ? cudaMalloc(&address, size_t(bytes))
                                                        : cudaHostAlloc(&address, size_t(bytes), cudaHostAllocPortable);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // it is not sticky, but it is remembered
    size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    if (kind == MemoryKind::device) {
      throw_error(UPBEAT_ERROR_OUT_OF_MEMORY, "%s: %lld bytes asked for; the device has %lld, %lld of them free", what,
                  static_cast<long long>(bytes), static_cast<long long>(total), static_cast<long long>(free));
    }
    throw_error(UPBEAT_ERROR_OUT_OF_MEMORY, "%s: the system refused %lld bytes of pinned host memory", what,
                static_cast<long long>(bytes));
  }
  check_cuda(status, "allocating memory");
  data_ = static_cast<std::byte*>(address);
  if (kind == MemoryKind::host) {
    std::memset(data_, 0, size_t(bytes));
    return;
  }
  check_cuda(cudaMemsetAsync(data_, 0, size_t(bytes), stream), "clearing memory");
  check_cuda(cudaStreamSynchronize(stream), "clearing memory");
}

Memory::~Memory() {
  if (data_ == nullptr) return;
  if (kind_ == MemoryKind::device) {
    cudaFree(data_);
  } else {
    cudaFreeHost(data_);
  }
}

void Memory::swap(Memory& other) noexcept {
  std::swap(kind_, other.kind_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
}

}  // namespace upbeat
