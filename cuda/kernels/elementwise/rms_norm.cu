// Launcher of rms_norm.cuh.
#include "cuda/kernels/common/alignment.h"
#include "cuda/kernels/elementwise/rms_norm.cuh"

namespace upbeat {

cudaError_t launch_rms_norm(const RmsNormArguments& arguments, const Launch& where) {
  const unsigned blocks = unsigned(arguments.rows);
  if (arguments.columns % 4 == 0 && all_aligned(arguments.input, arguments.weight, arguments.output)) {
    return launch<rms_norm_kernel<true>>(blocks, kNormThreads, 0, where.place, arguments, where.faults);
  }
  return launch<rms_norm_kernel<false>>(blocks, kNormThreads, 0, where.place, arguments, where.faults);
}

}  // namespace upbeat
