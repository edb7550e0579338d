// A stream of the device, and what is captured on it.
#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <optional>

#include "cuda/streams/graph.h"
#include "cuda/kernels/kernels.h"
#include "cuda/memory/scratch.h"

namespace upbeat {

class Device;
class Stream;

// What kind of work a call enqueues. One constant per op.
struct Operation {
  const char* name;
  cudaError_t (*launch)(const void* arguments, const Launch& launch);
};

class Stream {
 public:
  explicit Stream(Device& device);
  // Waits for all work.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Device& device() const { return device_; }
  cudaStream_t cuda() const { return stream_; }

  // Enqueues, or adds to the graph being captured. Does nothing once the device has faulted.
  template <typename Arguments>
  void enqueue(const Operation& operation, const Arguments& arguments) {
    enqueue_launch(operation, &arguments);
  }

  // For work that is no op: calls enqueue(launch) unless the device has faulted.
  template <typename Enqueue>
  void enqueue_with(const char* doing, Enqueue&& enqueue);

  bool capturing() const { return captured_.has_value(); }
  void begin_capture();
  std::unique_ptr<Graph> end_capture();

  // Waits for everything enqueued so far, or for a fault of the device. False on timeout.
  bool synchronize(int64_t deadline);

 private:
  Launch launch_context(bool dependent = false);
  Scratch& launch_scratch() { return captured_ ? *captured_ : scratch_; }
  void enqueue_launch(const Operation& operation, const void* arguments);

  Device& device_;
  cudaStream_t stream_ = nullptr;
  Scratch scratch_;
  std::optional<Scratch> captured_;  // that of the graph being captured
  bool after_kernel_ = false;        // whether what was captured last is a kernel
};

}  // namespace upbeat
