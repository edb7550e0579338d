// Launchers of rotary.cuh, and the size of what it writes to.
#include "cuda/kernels/common/grid.h"
#include "cuda/kernels/attention/rotary.cuh"

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

int64_t kv_cache_bytes(Dtype dtype, int32_t blocks, int32_t block_size, int32_t kv_heads, int32_t head_dim) {
  return kv_offset(blocks, 0, 0, kv_heads, block_size, head_dim) * int64_t(dtype_bytes(dtype));
}

}  // namespace upbeat
