// Launcher of attention.cuh.
#include "../../abi/error.h"
#include "alignment.h"
#include "attention.cuh"
#include "grid.h"

namespace upbeat {

namespace {

template <typename Element, int DimsPerLane>
cudaError_t launch_dims(const AttentionArguments& arguments, const Launch& where) {
  // How the rows are shared out is known on the device: as many tiles as there can be.
  const int64_t group = arguments.heads / arguments.kv_heads;
  const int64_t tiles = arguments.rows * group / kTileRows + arguments.requests;
  const dim3 grid(unsigned(tiles), unsigned(arguments.kv_heads));
  const size_t bytes = size_t(attention_shared_floats(arguments.head_dim, tile_keys(DimsPerLane))) * sizeof(float);
  return launch<attention_kernel<Element, DimsPerLane>>(grid, kAttentionThreads, bytes, where.stream, arguments,
                                                        where.faults);
}

template <typename Element>
cudaError_t launch_elements(const AttentionArguments& arguments, const Launch& where) {
  if (arguments.head_dim <= 32) return launch_dims<Element, 1>(arguments, where);
  if (arguments.head_dim <= 64) return launch_dims<Element, 2>(arguments, where);
  if (arguments.head_dim <= 128) return launch_dims<Element, 4>(arguments, where);
  return launch_dims<Element, 8>(arguments, where);
}

}  // namespace

cudaError_t launch_attention(const AttentionArguments& arguments, const Launch& where) {
  if (arguments.head_dim > kMostHeadDim) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "head_dim: at most %d on this device, is %d", kMostHeadDim,
                arguments.head_dim);
  }
  if (!all_aligned(arguments.key_cache, arguments.value_cache)) {
    throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "key_cache and value_cache: must be aligned to 16 bytes on this device");
  }
  if (arguments.cache_dtype == Dtype::f32) return launch_elements<float>(arguments, where);
  return launch_elements<Bf16>(arguments, where);
}

}  // namespace upbeat
