// From a capture to an executable graph.
#include "cuda/streams/graph.h"

#include <utility>

#include "cuda/device/device.h"
#include "cuda/streams/stream.h"

namespace upbeat {

CudaGraph::CudaGraph(CudaDevice& device, cudaGraph_t captured, Scratch scratch)
    : Graph(device), device_(device), scratch_(std::move(scratch)) {
  const cudaError_t status = cudaGraphInstantiate(&executable_, captured, 0);
  cudaGraphDestroy(captured);
  device_.check(status, "making a graph");
}

CudaGraph::~CudaGraph() {
  if (executable_ != nullptr) cudaGraphExecDestroy(executable_);
}

void CudaGraph::launch(Stream& stream) {
  if (device_.faulted()) return;
  device_.make_current();
  device_.check(cudaGraphLaunch(executable_, cuda_stream(stream).cuda()), "launching a graph");
}

}  // namespace upbeat
