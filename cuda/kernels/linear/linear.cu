// Launcher of linear: chooses a kernel by the number of input rows. The bits do not depend on it.
#include "cuda/kernels/common/alignment.h"
#include "cuda/kernels/linear/linear.h"

namespace upbeat {

cudaError_t launch_linear(const LinearArguments& arguments, const Launch& where) {
  const bool aligned = arguments.weight.columns % 4 == 0 && all_aligned(arguments.input);
  if (arguments.rows <= kMostDecodeRows && aligned) return launch_linear_decode(arguments, where);
  return launch_linear_prefill(arguments, where);
}

}  // namespace upbeat
