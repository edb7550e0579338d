// Enqueueing, capturing, waiting.
#include "cuda/streams/stream.h"

#include <utility>

#include "cuda/device/device.h"
#include "cuda/streams/wait.h"

namespace upbeat {

Stream::Stream(Device& device) : device_(device) {
  device.make_current();
  device.check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
}

Stream::~Stream() {
  device_.make_current();
  if (capturing()) {
    cudaGraph_t graph = nullptr;
    if (cudaStreamEndCapture(stream_, &graph) == cudaSuccess) cudaGraphDestroy(graph);
  }
  cudaStreamSynchronize(stream_);
  cudaStreamDestroy(stream_);
}

Launch Stream::launch_context(bool dependent) {
  return {
      .place = {stream_, dependent},
      .faults = device_.fault_slot(),
      .multiprocessors = device_.multiprocessors(),
      .scratch =
          [](void* owner, int64_t bytes) {
            auto& stream = *static_cast<Stream*>(owner);
            return stream.launch_scratch().reserve(stream.device_, bytes);
          },
      .scratch_counters =
          [](void* owner, int64_t count) {
            auto& stream = *static_cast<Stream*>(owner);
            return stream.launch_scratch().counters(stream.device_, count);
          },
      .scratch_owner = this,
  };
}

void Stream::enqueue_launch(const Operation& operation, const void* arguments) {
  if (device_.faulted()) return;
  device_.make_current();
  // Outside a capture every kernel waits for all before it: what is there may be loads of weights, which kernels read
  // without waiting.
  const bool dependent = after_kernel_ && device_.dependent_launches();
  after_kernel_ = capturing();
  device_.check(operation.launch(arguments, launch_context(dependent)), operation.name);
}

void Stream::begin_capture() {
  device_.make_current();
  // Relaxed: scratch memory may have to be allocated for what is captured.
  device_.check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "beginning a capture");
  captured_.emplace();
  after_kernel_ = false;
}

std::unique_ptr<Graph> Stream::end_capture() {
  device_.make_current();
  Scratch scratch = std::move(*captured_);
  captured_.reset();
  after_kernel_ = false;
  cudaGraph_t graph = nullptr;
  device_.check(cudaStreamEndCapture(stream_, &graph), "ending a capture");
  // What was captured may come as it is later, when nobody has time to allocate.
  scratch_.reserve_like(device_, scratch);
  return std::make_unique<Graph>(device_, graph, std::move(scratch));
}

bool Stream::synchronize(int64_t deadline) {
  device_.make_current();
  return wait_until([this] { return device_.is_done(cudaStreamQuery(stream_)) || device_.faulted(); }, deadline);
}

}  // namespace upbeat
