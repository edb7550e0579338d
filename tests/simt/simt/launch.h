// Kernel launches as work of a stream.
#pragma once

#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include "errors.h"
#include "grid.h"
#include "machine.h"
#include "report.h"
#include "stream.h"

namespace simt {

inline cudaError_t state() { return Findings::process().any() ? cudaErrorLaunchFailure : cudaSuccess; }

// Enqueues work that is skipped after a finding.
inline cudaError_t enqueue(Stream* stream, Work work, WorkKind kind = WorkKind::other) {
  if (stream == nullptr) return cudaErrorInvalidValue;
  if (Findings::process().any()) return cudaErrorLaunchFailure;
  stream->enqueue(
      [work = std::move(work)] {
        if (!Findings::process().any()) work();
      },
      kind);
  return cudaSuccess;
}

// The name within a template's signature, as in "[with auto Kernel = upbeat::fill_kernel]".
inline std::string kernel_name(const char* signature) {
  const char* start = std::strstr(signature, "Kernel = ");
  if (start == nullptr) return signature;
  std::string name(start + 9);
  const size_t end = name.find_first_of(";]");
  if (end != std::string::npos) name.resize(end);
  return name;
}

// Whether a dependent launch is allowed. It must follow a kernel of the same capture: the library makes no others, and
// CUDA's meaning of others is not modelled.
inline cudaError_t check_dependent(Stream* stream, const char* kernel) {
  const Machine& machine = Machine::process();
  if (machine.compute_major < 9 || machine.refuses_dependent_launches) return cudaErrorNotSupported;
  if (stream == nullptr || !stream->follows_kernel()) {
    Findings::process().add(format("a dependent launch of %s that follows no kernel of the same capture", kernel));
    return cudaErrorLaunchFailure;
  }
  DependentLaunches::process().note();
  return cudaSuccess;
}

// All kernels of the library may be captured: they are held to the rule of dependent launches however they are
// launched, so that all their tests check it.
inline bool keeps_rule(const std::string& kernel) { return kernel.find("upbeat::") <= 1; }

// A kernel launch, as cuda/kernels/common/machine.h makes it for nvcc with cudaLaunchKernelEx.
template <auto Kernel, typename... Arguments>
cudaError_t launch_kernel(Size3 grid, Size3 block, size_t shared_bytes, Stream* stream, bool dependent,
                          const Arguments&... arguments) {
  if (grid.count() == 0 || block.count() == 0 || block.count() > kMostThreads || grid.y > 65535 || grid.z > 65535 ||
      shared_bytes > size_t(99) << 10) {
    return cudaErrorInvalidValue;
  }
  static const std::string name = kernel_name(__PRETTY_FUNCTION__);
  if (dependent) {
    const cudaError_t status = check_dependent(stream, name.c_str());
    if (status != cudaSuccess) return status;
  }
  const bool must_wait = dependent || keeps_rule(name);
  const auto run = [=] {
    const std::function<void()> body = [&] { Kernel(arguments...); };
    run_grid({name.c_str(), body, grid, block, shared_bytes, must_wait});
  };
  return enqueue(stream, run, WorkKind::kernel);
}

inline cudaError_t compiled_for(int& capability) {
  capability = Machine::process().code_capability;
  return cudaSuccess;
}

}  // namespace simt
