// Checks GPU and code for dependent launches, then tries one.
#include "cuda/device/dependent_launch.h"

#include "cuda/device/status.h"

namespace upbeat {

namespace {

// The oldest compute capability with dependent launches, as 90 for 9.0.
constexpr int kOldestCapability = 90;

constexpr const char* kRemedy = "do without them (UPBEAT_CUDA_DEPENDENT_LAUNCH=0)";

// Runs two kernels of a graph, the second of them dependent, to completion.
cudaError_t run_pair(const Launch& where) {
  const cudaStream_t stream = where.place.stream;
  cudaError_t status = cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed);
  if (status != cudaSuccess) return status;
  Launch second = where;
  second.place.dependent = true;
  status = launch_fault_check(where);
  if (status == cudaSuccess) status = launch_fault_check(second);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(stream, &graph);  // also after an error
  if (status == cudaSuccess) status = ended;
  if (status == cudaSuccess) status = cudaGraphInstantiate(&executable, graph, 0);
  if (status == cudaSuccess) status = cudaGraphLaunch(executable, stream);
  if (status == cudaSuccess) status = cudaStreamSynchronize(stream);
  if (executable != nullptr) cudaGraphExecDestroy(executable);
  if (graph != nullptr) cudaGraphDestroy(graph);
  return status;
}

}  // namespace

void check_dependent_launches(const cudaDeviceProp& properties, const Launch& where) {
  const int capability = properties.major * 10 + properties.minor;
  if (capability < kOldestCapability) {
    throw_error(UPBEAT_ERROR_UNAVAILABLE, "dependent launches need compute capability %d.%d and this GPU has %d.%d: %s",
                kOldestCapability / 10, kOldestCapability % 10, properties.major, properties.minor, kRemedy);
  }
  // Code for older GPUs that the driver has recompiled does not wait, and nothing else would detect that.
  int compiled = 0;
  check_cuda(code_capability(compiled), "asking what the kernels were compiled for");
  if (compiled < kOldestCapability) {
    throw_error(UPBEAT_ERROR_UNAVAILABLE,
                "dependent launches need kernels that were compiled for compute capability %d.%d and these were for "
                "%d.%d: build the library for this GPU's architecture, or %s",
                kOldestCapability / 10, kOldestCapability % 10, compiled / 10, compiled % 10, kRemedy);
  }
  const cudaError_t status = run_pair(where);
  if (status == cudaSuccess) return;
  if (is_sticky(status)) check_cuda(status, "trying a dependent launch");
  cudaGetLastError();  // not sticky, but the next cudaGetLastError() would return it
  throw_error(UPBEAT_ERROR_UNAVAILABLE, "the driver refuses dependent launches (%s): install a newer one, or %s",
              cudaGetErrorName(status), kRemedy);
}

}  // namespace upbeat
