// Launchers of gather.cuh.
#include "cuda/kernels/common/grid.h"
#include "cuda/kernels/elementwise/gather.cuh"

namespace upbeat {

cudaError_t launch_gather_rows(const GatherRowsArguments& arguments, const Launch& where) {
  return launch<gather_rows_kernel>(unsigned(arguments.rows), kGatherThreads, 0, where.place, arguments, where.faults);
}

cudaError_t launch_gather_tokens(const GatherTokensArguments& arguments, const Launch& where) {
  const unsigned blocks = unsigned(ceil_divide(arguments.rows, kGatherThreads));
  return launch<gather_tokens_kernel>(blocks, kGatherThreads, 0, where.place, arguments, where.faults);
}

cudaError_t launch_scatter_tokens(const ScatterTokensArguments& arguments, const Launch& where) {
  const unsigned blocks = unsigned(ceil_divide(arguments.rows, kGatherThreads));
  return launch<scatter_tokens_kernel>(blocks, kGatherThreads, 0, where.place, arguments, where.faults);
}

}  // namespace upbeat
