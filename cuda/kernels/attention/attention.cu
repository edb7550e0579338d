// Launcher of attention.cuh: chooses the tiles, and how many blocks share the splits of one.
#include "abi/checks/error.h"
#include "cuda/kernels/attention/attention.cuh"
#include "cuda/kernels/common/alignment.h"
#include "cuda/kernels/common/grid.h"

namespace upbeat {

namespace {

// Splits are divided among blocks until there are this many blocks per multiprocessor.
constexpr int kWantedBlocks = 2;
// Beyond this much scratch memory, one block per tile takes all its splits.
constexpr int64_t kMostScratch = int64_t(256) << 20;

// The number of blocks for each of `tiles` tiles per kv head, and scratch memory for their states.
AttentionSplits plan_splits(const AttentionArguments& arguments, int64_t tiles, const Launch& where) {
  const int64_t keys = int64_t(arguments.max_blocks) * arguments.block_size;
  int64_t most = ceil_divide(keys, kSplit);
  if (arguments.sliding_window > 0) most = std::min(most, int64_t(arguments.sliding_window) / kSplit + 2);
  const int64_t blocks = tiles * arguments.kv_heads;
  AttentionSplits splits = {};
  splits.parts = int(std::min(ceil_divide(int64_t(where.multiprocessors) * kWantedBlocks, blocks), most));
  splits.most = int(most);
  splits.tile_rows = std::min(arguments.heads / arguments.kv_heads, kProductRows);
  const int64_t rows = blocks * most * splits.tile_rows;
  const int64_t floats = rows * (split_pitch(arguments.head_dim) + 2);
  if (floats * int64_t(sizeof(float)) > kMostScratch) splits.parts = 1;
  if (splits.parts == 1) return splits;
  splits.outputs = reinterpret_cast<float*>(where.reserve(floats * int64_t(sizeof(float))));
  splits.sums = splits.outputs + rows * split_pitch(arguments.head_dim);
  splits.arrived = where.counters(blocks);
  return splits;
}

template <typename Plan>
cudaError_t launch_narrow(const AttentionArguments& arguments, bool by_request, const Launch& where) {
  const int64_t pieces = ceil_divide(arguments.heads / arguments.kv_heads, kProductRows);
  const int64_t tiles = (by_request ? arguments.requests : arguments.rows) * pieces;
  const AttentionSchedule schedule = {
      .least_rows = 0,
      .by_request = by_request,
      .pieces = int(pieces),
      .splits = plan_splits(arguments, tiles, where),
  };
  const dim3 grid(unsigned(tiles), unsigned(arguments.kv_heads), unsigned(schedule.splits.parts));
  return launch<attention_kernel<Plan>>(grid, Plan::kThreads, Plan::kSharedBytes, where.place, arguments, schedule,
                                        where.faults);
}

template <typename Plan>
cudaError_t launch_wide(const AttentionArguments& arguments, int least_rows, const Launch& where) {
  // Only the device knows how rows are divided among requests: launch the most tiles that there can be.
  const int64_t group = arguments.heads / arguments.kv_heads;
  const int64_t tiles = arguments.rows * group / Plan::kRows + arguments.requests;
  const AttentionSchedule schedule = {.least_rows = least_rows, .by_request = false, .pieces = 1, .splits = {}};
  const dim3 grid(unsigned(tiles), unsigned(arguments.kv_heads));
  return launch<attention_kernel<Plan>>(grid, Plan::kThreads, Plan::kSharedBytes, where.place, arguments, schedule,
                                        where.faults);
}

// A batch with no more rows than requests is all decode rows, each a tile of its own. In other batches requests with
// one row get narrow tiles, all others wide ones.
template <typename WidePlan, typename NarrowPlan>
cudaError_t launch_plans(const AttentionArguments& arguments, const Launch& where) {
  if (arguments.rows <= arguments.requests) return launch_narrow<NarrowPlan>(arguments, false, where);
  if (arguments.requests == 1) return launch_wide<WidePlan>(arguments, 1, where);
  const cudaError_t status = launch_wide<WidePlan>(arguments, 2, where);
  return status != cudaSuccess ? status : launch_narrow<NarrowPlan>(arguments, true, where);
}

template <typename Element, int HeadDim, int RowWarps, int ColumnWarps, bool Whole = false>
using Wide = AttentionPlan<Element, HeadDim, RowWarps, ColumnWarps, false, Whole>;
template <typename Element, int HeadDim, int ColumnWarps>
using Narrow = AttentionPlan<Element, HeadDim, 1, ColumnWarps, true, false>;

// Shapes that fit in shared memory and in registers.
cudaError_t launch_f32(const AttentionArguments& arguments, const Launch& where) {
  if (arguments.head_dim <= 64) return launch_plans<Wide<float, 64, 4, 1>, Narrow<float, 64, 2>>(arguments, where);
  if (arguments.head_dim <= 128) return launch_plans<Wide<float, 128, 2, 2>, Narrow<float, 128, 2>>(arguments, where);
  return launch_plans<Wide<float, 256, 1, 2>, Narrow<float, 256, 2>>(arguments, where);
}

cudaError_t launch_bf16(const AttentionArguments& arguments, const Launch& where) {
  const int dim = arguments.head_dim;
  if (dim == 64) return launch_plans<Wide<Bf16, 64, 4, 1, true>, Narrow<Bf16, 64, 4>>(arguments, where);
  if (dim < 64) return launch_plans<Wide<Bf16, 64, 4, 1>, Narrow<Bf16, 64, 4>>(arguments, where);
  if (dim == 128) return launch_plans<Wide<Bf16, 128, 4, 1, true>, Narrow<Bf16, 128, 4>>(arguments, where);
  if (dim < 128) return launch_plans<Wide<Bf16, 128, 2, 2>, Narrow<Bf16, 128, 4>>(arguments, where);
  if (dim == 256) return launch_plans<Wide<Bf16, 256, 2, 2, true>, Narrow<Bf16, 256, 2>>(arguments, where);
  return launch_plans<Wide<Bf16, 256, 2, 2>, Narrow<Bf16, 256, 2>>(arguments, where);
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
  return arguments.cache_dtype == Dtype::f32 ? launch_f32(arguments, where) : launch_bf16(arguments, where);
}

}  // namespace upbeat
