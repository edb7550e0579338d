// Enqueueing, capturing, waiting.
#include "cuda/streams/stream.h"

#include <utility>

#include "cuda/streams/graph.h"
#include "cuda/streams/wait.h"

namespace upbeat {

CudaStream::CudaStream(CudaDevice& device) : Stream(device), device_(device) {
  device.make_current();
  device.check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
}

CudaStream::~CudaStream() {
  device_.make_current();
  if (capturing()) {
    cudaGraph_t graph = nullptr;
    if (cudaStreamEndCapture(stream_, &graph) == cudaSuccess) cudaGraphDestroy(graph);
  }
  cudaStreamSynchronize(stream_);
  cudaStreamDestroy(stream_);
}

Launch CudaStream::launch_context(bool dependent) {
  return {
      .place = {stream_, dependent},
      .faults = device_.fault_slot(),
      .multiprocessors = device_.multiprocessors(),
      .scratch =
          [](void* owner, int64_t bytes) {
            auto& stream = *static_cast<CudaStream*>(owner);
            return stream.launch_scratch().reserve(stream.device_, bytes);
          },
      .scratch_counters =
          [](void* owner, int64_t count) {
            auto& stream = *static_cast<CudaStream*>(owner);
            return stream.launch_scratch().counters(stream.device_, count);
          },
      .scratch_owner = this,
  };
}

void CudaStream::enqueue_launch(const Operation& operation, const void* arguments) {
  if (device_.faulted()) return;
  device_.make_current();
  // Outside a capture every kernel waits for all earlier work: that may be loads of weights, which kernels read without
  // waiting.
  const bool dependent = after_kernel_ && device_.dependent_launches();
  device_.check(operation.launch(arguments, launch_context(dependent)), operation.name);
  after_kernel_ = capturing();
}

void CudaStream::begin_capture() {
  device_.make_current();
  // Relaxed: captured kernels may need scratch memory, which is allocated during the capture.
  device_.check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "beginning a capture");
  captured_.emplace();
  after_kernel_ = false;
}

Ref<Graph> CudaStream::end_capture() {
  device_.make_current();
  Scratch scratch = std::move(*captured_);
  captured_.reset();
  after_kernel_ = false;
  cudaGraph_t graph = nullptr;
  device_.check(cudaStreamEndCapture(stream_, &graph), "ending a capture");
  Ref<CudaGraph> made(new CudaGraph(device_, graph, std::move(scratch)));
  // The same work may be enqueued without a graph later, when there is no time to allocate.
  scratch_.reserve_like(device_, made->scratch());
  return made;
}

bool CudaStream::synchronize(int64_t deadline) {
  device_.make_current();
  return wait_until([this] { return device_.is_done(cudaStreamQuery(stream_)) || device_.faulted(); }, deadline);
}

}  // namespace upbeat
