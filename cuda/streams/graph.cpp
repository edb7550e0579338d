// From a capture to something that can be launched.
#include "cuda/streams/graph.h"

#include <utility>

#include "cuda/device/device.h"
#include "cuda/device/status.h"

namespace upbeat {

Graph::Graph(Device& device, cudaGraph_t captured, Scratch scratch) : device_(device), scratch_(std::move(scratch)) {
  const cudaError_t status = cudaGraphInstantiate(&executable_, captured, 0);
  cudaGraphDestroy(captured);
  device_.check(status, "making a graph");
}

Graph::~Graph() {
  if (executable_ != nullptr) cudaGraphExecDestroy(executable_);
}

void Graph::launch(Stream& stream) {
  if (device_.faulted()) return;
  device_.check(cudaGraphLaunch(executable_, stream.cuda()), "launching a graph");
}

}  // namespace upbeat
