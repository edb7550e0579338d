// Finding a GPU.
#include "open.h"

#include "../abi/error.h"
#include "status.h"

namespace upbeat {

int32_t count_devices() {
  int count = 0;
  check_cuda(cudaGetDeviceCount(&count), "looking for NVIDIA GPUs");
  return count;
}

std::unique_ptr<Device> open_device(int32_t index, int32_t /*threads*/, int32_t simd) {
  const int32_t count = count_devices();
  if (index >= count) {
    throw_error(UPBEAT_ERROR_UNAVAILABLE, "index: the NVIDIA GPUs here are 0 to %d, not %d", count - 1, index);
  }
  if (simd != UPBEAT_SIMD_AUTO) {
    throw_error(UPBEAT_ERROR_UNAVAILABLE, "simd: a GPU has no choice of instruction sets: only AUTO (0), not %d", simd);
  }
  return std::make_unique<Device>(index);
}

}  // namespace upbeat
