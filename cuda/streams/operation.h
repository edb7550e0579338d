// From a kernel to the operation that launches it.
#pragma once

#include "cuda/kernels/kernels.h"
#include "cuda/streams/stream.h"

namespace upbeat {

template <typename Member>
struct KernelMember;

template <typename Arguments>
struct KernelMember<Kernel<Arguments> KernelSet::*> {
  using Type = Arguments;
};

// Launches one kernel: `static constexpr Operation kOp = kernel<&KernelSet::fill>("name")`.
template <auto Member>
constexpr Operation kernel(const char* name) {
  return {.name = name, .launch = [](const void* arguments, const Launch& launch) {
            using Arguments = typename KernelMember<decltype(Member)>::Type;
            return (kKernels.*Member)(*static_cast<const Arguments*>(arguments), launch);
          }};
}

}  // namespace upbeat
