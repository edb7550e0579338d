// The CPU is one device; the caller may choose its instruction set.
#include "abi/checks/error.h"
#include "cpu/device/device.h"

namespace upbeat {

int32_t count_devices() { return 1; }

std::unique_ptr<Device> open_device(int32_t index, int32_t threads, int32_t simd) {
  constexpr int32_t kMostThreads = 1024;
  if (index != 0) throw_error(UPBEAT_ERROR_UNAVAILABLE, "index: the only device here is 0, not %d", index);
  if (threads > kMostThreads) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "threads: at most %d, not %d", kMostThreads, threads);
  }
  const KernelSet* kernels = kernel_set(simd);
  if (kernels == nullptr) {
    constexpr const char* kNames[] = {"AUTO", "PORTABLE", "AVX2", "AVX512", "NEON", "AMX"};
    throw_error(UPBEAT_ERROR_UNAVAILABLE, "simd: this machine does not have %s (UPBEAT_SIMD %d)", kNames[simd], simd);
  }
  return std::make_unique<CpuDevice>(threads, *kernels);
}

}  // namespace upbeat
