// Allocation on the device and of pinned pages.
#include "cuda/memory/allocate.h"

#include <cstring>

#include "cuda/device/status.h"

namespace upbeat {

namespace {

void free_device(std::byte* data, int64_t) { cudaFree(data); }
void free_host(std::byte* data, int64_t) { cudaFreeHost(data); }

}  // namespace

Memory allocate_memory(MemoryKind kind, int64_t bytes, cudaStream_t stream, const char* what) {
  void* address = nullptr;
  const cudaError_t status = kind == MemoryKind::device ? cudaMalloc(&address, size_t(bytes))
                                                        : cudaHostAlloc(&address, size_t(bytes), cudaHostAllocPortable);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // not sticky, but it would be returned by the next cudaGetLastError()
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
  Memory memory(static_cast<std::byte*>(address), bytes, kind == MemoryKind::device ? free_device : free_host);
  if (kind == MemoryKind::host) {
    std::memset(address, 0, size_t(bytes));
    return memory;
  }
  check_cuda(cudaMemsetAsync(address, 0, size_t(bytes), stream), "clearing memory");
  check_cuda(cudaStreamSynchronize(stream), "clearing memory");
  return memory;
}

}  // namespace upbeat
