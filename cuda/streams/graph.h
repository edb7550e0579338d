// A graph: captured work, and the scratch memory that its kernels use.
#pragma once

#include <cuda_runtime.h>

#include "abi/backend.h"
#include "cuda/memory/scratch.h"

namespace upbeat {

class CudaDevice;

class CudaGraph final : public Graph {
 public:
  // Takes the captured graph over.
  CudaGraph(CudaDevice& device, cudaGraph_t captured, Scratch scratch);
  ~CudaGraph() override;

  const Scratch& scratch() const { return scratch_; }

  // CUDA runs launches of one graph one after the other, on whatever streams.
  void launch(Stream& stream) override;

 private:
  CudaDevice& device_;
  Scratch scratch_;
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace upbeat
