// Finds the GPUs.
#include <string>
#include <vector>

#include "abi/checks/error.h"
#include "cuda/device/device.h"
#include "cuda/device/status.h"

namespace upbeat {

namespace {

// The oldest GPUs with the tensor-core product of the kernels.
constexpr int kOldestMajor = 8;

// CUDA's indices of the GPUs that this library has kernels for. Throws ApiError UNAVAILABLE, with the remedy, when
// there are none.
std::vector<int32_t> usable_gpus() {
  int count = 0;
  check_open(cudaGetDeviceCount(&count), "looking for NVIDIA GPUs");
  std::vector<int32_t> usable;
  std::string refused;
  for (int index = 0; index < count; index++) {
    cudaDeviceProp properties;
    check_cuda(cudaGetDeviceProperties(&properties, index), "asking a GPU what it is");
    if (properties.major >= kOldestMajor) {
      usable.push_back(index);
    } else if (refused.empty()) {
      refused = std::string(properties.name) + " has compute capability " + std::to_string(properties.major) + "." +
                std::to_string(properties.minor);
    }
  }
  if (!usable.empty()) return usable;
  if (refused.empty()) check_cuda(cudaErrorNoDevice, "looking for NVIDIA GPUs");
  throw_error(UPBEAT_ERROR_UNAVAILABLE,
              "%s and this library needs %d.0 or more: use a newer GPU (Ampere, 2020, or later), or the CPU library",
              refused.c_str(), kOldestMajor);
}

}  // namespace

int32_t count_devices() { return int32_t(usable_gpus().size()); }

std::unique_ptr<Device> open_device(int32_t index, int32_t /*threads*/, int32_t simd) {
  const std::vector<int32_t> gpus = usable_gpus();
  if (size_t(index) >= gpus.size()) {
    throw_error(UPBEAT_ERROR_UNAVAILABLE, "index: the NVIDIA GPUs here are 0 to %d, not %d", int(gpus.size()) - 1,
                index);
  }
  if (simd != UPBEAT_SIMD_AUTO) {
    throw_error(UPBEAT_ERROR_UNAVAILABLE, "simd: a GPU has no choice of instruction sets: only AUTO (0), not %d", simd);
  }
  return std::make_unique<CudaDevice>(gpus[size_t(index)]);
}

}  // namespace upbeat
