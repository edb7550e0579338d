// The devices of this library.
#pragma once

#include <cstdint>
#include <memory>

#include "cuda/device/device.h"

namespace upbeat {

// The GPUs that the library has kernels for. Throws ApiError UNAVAILABLE, with the remedy, when there is none.
int32_t count_devices();

// Opens one of those. Throws ApiError: UNAVAILABLE when there is no such GPU, INVALID_ARGUMENT.
std::unique_ptr<Device> open_device(int32_t index, int32_t threads, int32_t simd);

}  // namespace upbeat
