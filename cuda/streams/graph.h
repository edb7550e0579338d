// A graph: captured work, and the scratch memory that its kernels were given.
#pragma once

#include <cuda_runtime.h>

#include "cuda/memory/scratch.h"

namespace upbeat {

class Device;
class Stream;

class Graph {
 public:
  // Takes over what was captured.
  Graph(Device& device, cudaGraph_t captured, Scratch scratch);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  Device& device() const { return device_; }

  // Enqueues one run. Runs of one graph follow each other, whatever their streams: CUDA sees to that.
  void launch(Stream& stream);

 private:
  Device& device_;
  Scratch scratch_;
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace upbeat
