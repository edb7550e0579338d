// The devices of this library.
#pragma once

#include <cstdint>
#include <memory>

#include "device.h"

namespace upbeat {

// Throws ApiError UNAVAILABLE, with the remedy, when CUDA cannot be used here.
int32_t count_devices();

// Throws ApiError: UNAVAILABLE when there is no such GPU or it is too old, INVALID_ARGUMENT.
std::unique_ptr<Device> open_device(int32_t index, int32_t threads, int32_t simd);

}  // namespace upbeat
