// Launchers of fill.cuh.
#include "cuda/kernels/common/grid.h"
#include "cuda/kernels/elementwise/fill.cuh"

namespace upbeat {

cudaError_t launch_fill(const FillArguments& arguments, const Launch& where) {
  const unsigned blocks = loop_blocks(ceil_divide(arguments.bytes, 16), kFillThreads, where.multiprocessors);
  return launch<fill_kernel>(blocks, kFillThreads, 0, where.place, arguments, where.faults);
}

cudaError_t launch_injected_fault(const Launch& where) {
  return launch<injected_fault_kernel>(1, 1, 0, where.place, where.faults);
}

cudaError_t launch_fault_check(const Launch& where) {
  return launch<fault_check_kernel>(1, 1, 0, where.place, where.faults);
}

// Any kernel will do: all are compiled for the same capability.
cudaError_t code_capability(int& capability) { return compiled_for<fault_check_kernel>(capability); }

}  // namespace upbeat
