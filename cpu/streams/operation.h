// From a kernel to the operation that runs it.
#pragma once

#include <mutex>

#include "cpu/device/device.h"
#include "cpu/streams/stream.h"

namespace upbeat {

template <typename Member>
struct KernelMember;

template <typename Arguments>
struct KernelMember<Kernel<Arguments> KernelSet::*> {
  using Type = Arguments;
};

// Runs one kernel of the device's set: `static constexpr Operation kOp = kernel<&KernelSet::pack>("name")`.
template <auto Member>
constexpr Operation kernel(const char* name) {
  return {.name = name, .run = [](CpuStream& stream, const void* payload, Fault& fault) {
            using Arguments = typename KernelMember<decltype(Member)>::Type;
            CpuDevice& device = stream.device();
            const std::lock_guard lock(device.pool_mutex());
            return (device.kernels().*Member)(payload_as<Arguments>(payload), device.pool(), fault);
          }};
}

}  // namespace upbeat
