// From checked arguments to a launch.
#pragma once

#include "cuda/device/device.h"
#include "cuda/kernels/kernels.h"

namespace upbeat {

template <typename Member>
struct KernelMember;

template <typename Arguments>
struct KernelMember<Kernel<Arguments> KernelSet::*> {
  using Type = Arguments;
};

// The operation that launches one kernel: `static constexpr Operation kOp = kernel<&KernelSet::x>("x")`.
template <auto Member>
constexpr Operation kernel(const char* name) {
  return {.name = name, .launch = [](const void* arguments, const Launch& launch) {
            using Arguments = typename KernelMember<decltype(Member)>::Type;
            return (kKernels.*Member)(*static_cast<const Arguments*>(arguments), launch);
          }};
}

}  // namespace upbeat
