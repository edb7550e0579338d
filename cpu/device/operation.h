// From checked arguments to a command.
#pragma once

#include <mutex>

#include "cpu/device/device.h"

namespace upbeat {

template <typename Member>
struct KernelMember;

template <typename Arguments>
struct KernelMember<Kernel<Arguments> KernelSet::*> {
  using Type = Arguments;
};

// The operation that runs one kernel of the device's set: `static constexpr Operation kOp =
// kernel<&KernelSet::x>("x")`.
template <auto Member>
constexpr Operation kernel(const char* name) {
  return {.name = name, .run = [](Stream& stream, const void* payload, Fault& fault) {
            using Arguments = typename KernelMember<decltype(Member)>::Type;
            Device& device = stream.device();
            const std::lock_guard lock(device.pool_mutex());
            return (device.kernels().*Member)(payload_as<Arguments>(payload), device.pool(), fault);
          }};
}

}  // namespace upbeat
