// Launchers of rotary.cuh.
#include "cuda/kernels/attention/rotary.cuh"
#include "cuda/kernels/common/grid.h"

namespace upbeat {

cudaError_t launch_rotary_table(const RotaryTableArguments& arguments, const Launch& where) {
  const int64_t items = int64_t(arguments.positions) * (arguments.head_dim / 2);
  const unsigned blocks = loop_blocks(items, kTableThreads, where.multiprocessors);
  return launch<rotary_table_kernel>(blocks, kTableThreads, 0, where.place, arguments, where.faults);
}

cudaError_t launch_rotary_cache(const RotaryCacheArguments& arguments, const Launch& where) {
  const unsigned blocks = unsigned(arguments.rows);
  if (arguments.cache_dtype == Dtype::f32) {
    return launch<rotary_cache_kernel<float>>(blocks, kRotaryThreads, 0, where.place, arguments, where.faults);
  }
  return launch<rotary_cache_kernel<Bf16>>(blocks, kRotaryThreads, 0, where.place, arguments, where.faults);
}

}  // namespace upbeat
