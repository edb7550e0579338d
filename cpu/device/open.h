// The devices of this library.
#pragma once

#include <cstdint>
#include <memory>

#include "cpu/device/device.h"

namespace upbeat {

int32_t count_devices();

// Throws ApiError: UNAVAILABLE when this machine lacks the device or the instruction set, INVALID_ARGUMENT.
std::unique_ptr<Device> open_device(int32_t index, int32_t threads, int32_t simd);

}  // namespace upbeat
