// The size of a cache.
#include "cpu/kernels/attention/kv_layout.h"

#include "abi/backend.h"

namespace upbeat {

int64_t kv_cache_bytes(Dtype dtype, int32_t blocks, int32_t block_size, int32_t kv_heads, int32_t head_dim) {
  return int64_t(blocks) * kv_heads * kv_tile_elements(block_size, head_dim) * int64_t(dtype_bytes(dtype));
}

}  // namespace upbeat
