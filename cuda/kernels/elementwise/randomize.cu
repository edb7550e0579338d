// Launcher of randomize.cuh.
#include "cuda/kernels/elementwise/randomize.cuh"

#include "cuda/kernels/common/grid.h"

namespace upbeat {

cudaError_t launch_randomize(const RandomizeArguments& arguments, const Launch& where) {
  const int64_t row_blocks = ceil_divide(arguments.weight.columns, kRandomColumns);
  const unsigned blocks =
      loop_blocks(row_blocks * arguments.random.row_count, kRandomizeThreads, where.multiprocessors);
  return with_element(arguments.weight.dtype, [&]<typename Element>() {
    return launch<randomize_kernel<Element>>(blocks, kRandomizeThreads, 0, where.place, arguments, where.faults);
  });
}

}  // namespace upbeat
