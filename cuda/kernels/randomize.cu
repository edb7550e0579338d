// Launcher of randomize.cuh.
#include "randomize.cuh"

#include "grid.h"

namespace upbeat {

cudaError_t launch_randomize(const RandomizeArguments& arguments, const Launch& where) {
  const int64_t row_blocks = ceil_divide(arguments.weight.columns, kRandomColumns);
  const unsigned blocks =
      loop_blocks(row_blocks * arguments.random.row_count, kRandomizeThreads, where.multiprocessors);
  switch (arguments.weight.dtype) {
    case Dtype::f32:
      return launch<randomize_kernel<float>>(blocks, kRandomizeThreads, 0, where.stream, arguments, where.faults);
    case Dtype::f16:
      return launch<randomize_kernel<F16>>(blocks, kRandomizeThreads, 0, where.stream, arguments, where.faults);
    case Dtype::bf16:
      return launch<randomize_kernel<Bf16>>(blocks, kRandomizeThreads, 0, where.stream, arguments, where.faults);
  }
  return cudaErrorInvalidValue;
}

}  // namespace upbeat
