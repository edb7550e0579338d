// Launcher of silu_multiply.cuh.
#include "cuda/kernels/common/alignment.h"
#include "cuda/kernels/common/grid.h"
#include "cuda/kernels/elementwise/silu_multiply.cuh"

namespace upbeat {

cudaError_t launch_silu_multiply(const SiluMultiplyArguments& arguments, const Launch& where) {
  const int64_t elements = int64_t(arguments.rows) * arguments.columns;
  const auto blocks = [&](int width) { return loop_blocks(elements / width, kSiluThreads, where.multiprocessors); };
  if (arguments.columns % 4 == 0 && all_aligned(arguments.gate_up, arguments.output)) {
    return launch<silu_multiply_kernel<4>>(blocks(4), kSiluThreads, 0, where.place, arguments, where.faults);
  }
  return launch<silu_multiply_kernel<1>>(blocks(1), kSiluThreads, 0, where.place, arguments, where.faults);
}

}  // namespace upbeat
