// The CUDA runtime calls of the library, for machines without a GPU: the same names and meanings on the host, kernels
// by the emulator, streams by threads.
//
// Stricter than CUDA where that finds mistakes: new memory is filled with garbage; freed memory is gone at once; copies
// check both ranges when they run; asynchronous copies refuse host memory that is not pinned.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "../simt/device.h"
#include "../simt/errors.h"
#include "../simt/launch.h"
#include "../simt/machine.h"
#include "../simt/slow_calls.h"
#include "../simt/stream.h"

enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1, cudaStreamCaptureModeRelaxed = 2 };
inline constexpr unsigned cudaStreamNonBlocking = 1;
inline constexpr unsigned cudaEventDefault = 0;
inline constexpr unsigned cudaHostAllocPortable = 1;

using cudaStream_t = simt::Stream*;
using cudaEvent_t = simt::Event*;
using cudaGraph_t = std::shared_ptr<simt::Graph>*;
using cudaGraphExec_t = std::shared_ptr<simt::Graph>*;
using cudaHostFn_t = void (*)(void*);
using dim3 = simt::Size3;

struct cudaDeviceProp {
  char name[256];
  size_t totalGlobalMem;
  int multiProcessorCount;
  int major;
  int minor;
};

namespace simt {

// Whether a host address is pinned: allocations are in one registry, so pinned ones are marked here.
class Pinned {
 public:
  static Allocations& process() {
    static Allocations* pinned = new Allocations;
    return *pinned;
  }
};

inline void* allocate(size_t bytes) {
  void* address = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (address != nullptr) std::memset(address, 0xcb, bytes);
  return address;
}

inline bool reachable(const void* address, size_t bytes, const char* what) {
  if (bytes == 0 || Allocations::process().contains(address, bytes)) return true;
  Findings::process().add(
      format("out of bounds: %s of %zu bytes at %p, which are not all allocated", what, bytes, address));
  return false;
}

}  // namespace simt

// ---- Errors

// For a launch failure, the emulator's finding.
inline const char* cudaGetErrorString(cudaError_t error) {
  if (error == cudaErrorLaunchFailure && simt::Findings::process().any()) {
    return simt::Findings::process().first().c_str();
  }
  return cudaGetErrorName(error);
}

inline cudaError_t cudaGetLastError() { return simt::state(); }

// ---- Devices

inline cudaError_t cudaDriverGetVersion(int* version) {
  *version = simt::Machine::process().driver_version;
  return cudaSuccess;
}

inline cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}

inline cudaError_t cudaGetDeviceCount(int* count) {
  const simt::Machine& machine = simt::Machine::process();
  *count = 0;
  if (machine.driver_version < 13000) return cudaErrorInsufficientDriver;
  if (machine.devices == 0) return cudaErrorNoDevice;
  *count = machine.devices;
  return cudaSuccess;
}

inline cudaError_t cudaSetDevice(int device) {
  return device >= 0 && device < simt::Machine::process().devices ? cudaSuccess : cudaErrorInvalidDevice;
}

inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  const simt::Machine& machine = simt::Machine::process();
  std::memset(properties, 0, sizeof *properties);
  std::strncpy(properties->name, machine.name.c_str(), sizeof properties->name - 1);
  properties->totalGlobalMem = size_t(machine.total_memory);
  properties->multiProcessorCount = machine.multiprocessors;
  properties->major = machine.compute_major;
  properties->minor = machine.compute_minor;
  return cudaSuccess;
}

inline cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  simt::SlowCalls::process().note("cudaMemGetInfo");
  const simt::Machine& machine = simt::Machine::process();
  *free = size_t(machine.free_memory());
  *total = size_t(machine.total_memory);
  return simt::state();
}

// Clears the findings.
inline cudaError_t cudaDeviceReset() {
  simt::SlowCalls::process().note("cudaDeviceReset");
  simt::Findings::process().take();
  return cudaSuccess;
}

// ---- Memory

inline cudaError_t cudaMalloc(void** address, size_t bytes) {
  simt::SlowCalls::process().note("cudaMalloc");
  if (simt::state() != cudaSuccess) return simt::state();
  *address = nullptr;
  if (int64_t(bytes) > simt::Machine::process().free_memory()) return cudaErrorMemoryAllocation;
  if (simt::SlowCalls::process().refuses_allocation()) return cudaErrorMemoryAllocation;
  *address = simt::allocate(bytes);
  if (*address == nullptr) return cudaErrorMemoryAllocation;
  simt::Allocations::process().add(*address, bytes);
  return cudaSuccess;
}

inline cudaError_t cudaFree(void* address) {
  simt::SlowCalls::process().note("cudaFree");
  simt::Allocations::process().remove(address);
  simt::WeightMemory::process().remove(address);
  std::free(address);
  return simt::state();
}

inline cudaError_t cudaHostAlloc(void** address, size_t bytes, unsigned) {
  simt::SlowCalls::process().note("cudaHostAlloc");
  const cudaError_t error = cudaMalloc(address, bytes);
  if (error == cudaSuccess) simt::Pinned::process().add(*address, bytes);
  return error;
}

inline cudaError_t cudaFreeHost(void* address) {
  simt::SlowCalls::process().note("cudaFreeHost");
  simt::Pinned::process().remove(address);
  return cudaFree(address);
}

inline cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                                     size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  if (width == 0 || height == 0) return cudaSuccess;
  if (width > to_pitch || width > from_pitch) return cudaErrorInvalidValue;
  const void* host = kind == cudaMemcpyHostToDevice ? from : kind == cudaMemcpyDeviceToHost ? to : nullptr;
  if (host != nullptr && !simt::Pinned::process().contains(host, 1)) {
    simt::Findings::process().add(simt::format("an asynchronous copy from or to host memory that is not pinned"));
    return cudaErrorLaunchFailure;
  }
  return simt::enqueue(stream, [=] {
    if (!simt::reachable(to, (height - 1) * to_pitch + width, "copy to") ||
        !simt::reachable(from, (height - 1) * from_pitch + width, "copy from")) {
      return;
    }
    for (size_t row = 0; row < height; row++) {
      std::memcpy(static_cast<std::byte*>(to) + row * to_pitch, static_cast<const std::byte*>(from) + row * from_pitch,
                  width);
    }
  });
}

inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, bytes == 0 ? 0 : 1, kind, stream);
}

inline cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  return simt::enqueue(stream, [=] {
    if (simt::reachable(to, bytes, "memset")) std::memset(to, value, bytes);
  });
}

// ---- Streams

inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  simt::SlowCalls::process().note("cudaStreamCreateWithFlags");
  if (simt::state() != cudaSuccess) return simt::state();
  *stream = new simt::Stream;
  return cudaSuccess;
}

// The work is finished first: sooner than CUDA, which returns at once.
inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  simt::SlowCalls::process().note("cudaStreamDestroy");
  delete stream;
  return simt::state();
}

inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  simt::SlowCalls::process().note("cudaStreamSynchronize");
  if (stream->capturing()) return cudaErrorStreamCaptureUnsupported;
  stream->synchronize();
  return simt::state();
}

inline cudaError_t cudaStreamQuery(cudaStream_t stream) {
  if (stream->capturing()) return cudaErrorStreamCaptureUnsupported;
  if (simt::state() != cudaSuccess) return simt::state();
  return stream->idle() ? cudaSuccess : cudaErrorNotReady;
}

inline cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  if (stream == nullptr) return cudaErrorInvalidValue;
  stream->enqueue([=] { function(data); });  // also after a finding: it may have to free something
  return simt::state();
}

// ---- Events

inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  simt::SlowCalls::process().note("cudaEventCreateWithFlags");
  if (simt::state() != cudaSuccess) return simt::state();
  *event = new simt::Event;
  return cudaSuccess;
}

inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
  simt::SlowCalls::process().note("cudaEventDestroy");
  delete event;
  return simt::state();
}

inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (stream->capturing()) return cudaErrorStreamCaptureUnsupported;
  auto passing = std::make_shared<simt::Passing>();
  event->latest = passing;
  stream->enqueue([passing] { passing->pass(); });  // also after a finding, or others would wait for ever
  return simt::state();
}

inline cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (simt::state() != cudaSuccess) return simt::state();
  return event->latest == nullptr || event->latest->passed() ? cudaSuccess : cudaErrorNotReady;
}

inline cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned = 0) {
  if (stream->capturing()) return cudaErrorStreamCaptureUnsupported;
  if (event->latest != nullptr) stream->enqueue([passing = event->latest] { passing->wait(); });
  return simt::state();
}

inline cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  if (start->latest == nullptr || end->latest == nullptr) return cudaErrorInvalidValue;
  if (!start->latest->passed() || !end->latest->passed()) return cudaErrorNotReady;
  *milliseconds = std::chrono::duration<float, std::milli>(end->latest->time() - start->latest->time()).count();
  return simt::state();
}

// ---- Graphs

inline cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (stream->capturing()) return cudaErrorStreamCaptureUnsupported;
  stream->begin_capture();
  return simt::state();
}

inline cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (!stream->capturing()) return cudaErrorInvalidValue;
  *graph = new std::shared_ptr<simt::Graph>(stream->end_capture());
  return simt::state();
}

inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long = 0) {
  simt::SlowCalls::process().note("cudaGraphInstantiate");
  *executable = new std::shared_ptr<simt::Graph>(*graph);
  return simt::state();
}

inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

inline cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  if (stream->capturing()) return cudaErrorStreamCaptureUnsupported;
  return simt::enqueue(stream, [graph = *executable] {
    for (const simt::Work& work : graph->nodes) work();
  });
}

inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  simt::SlowCalls::process().note("cudaGraphExecDestroy");
  delete executable;
  return cudaSuccess;
}
