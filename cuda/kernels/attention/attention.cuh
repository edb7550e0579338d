// Paged causal attention over a ragged batch, on tensor cores.
//
// Memory access: K and V dominate. The query heads of a group and neighbouring query rows read the same keys, so a
// block takes up to 64 of these rows, and a key passes through shared memory once for all of them. Scores and weights
// never leave the block: the online softmax is updated in registers, one chunk of keys at a time.
//
// One arithmetic, several schedules. A row of a product depends on its own operands only. Chunks of 64 keys (32 of an
// F32 cache, or beyond 128 dimensions) lie at absolute positions, keys that a row does not see have weight zero, and
// splits of 256 keys start from scratch and are merged in ascending order, whichever block computed them. So a row's
// result depends only on its own query, keys and values: it is the same in a prompt, in a chunk of it, and as a decode
// row.
//
// The products are those of F32 numbers, except that softmax weights drop 2^-17 and less, in the weighted sum and in
// the sum of the weights alike: less than the effect of a score's rounding on its weight. A BF16 cache costs three
// products for scores (a query is the sum of three BF16 numbers) and two for outputs, an F32 cache six and five. So a
// query row and a key of one head take 5 * head_dim multiply-adds of the tensor cores where plain BF16 arithmetic would
// take 2 * head_dim; a decode row is bound by the bytes of its keys either way.
#pragma once

#include "cuda/kernels/attention/rows.cuh"
#include "cuda/kernels/attention/stream.cuh"

namespace upbeat {

// Which rows get which tiles.
struct AttentionSchedule {
  int least_rows;   // wide: requests with fewer query rows get narrow tiles instead
  bool by_request;  // narrow: tiles are for requests with one query row, not for all query rows
  int pieces;       // narrow: tiles of a query row
  AttentionSplits splits;
};

template <typename Plan>
__device__ AttentionTile find_tile(const AttentionArguments& arguments, const AttentionSchedule& schedule,
                                   const FaultSlot& faults) {
  if constexpr (Plan::kNarrow) {
    return find_narrow_tile(arguments, schedule.by_request, int(blockIdx.x) / schedule.pieces,
                            int(blockIdx.x) % schedule.pieces, faults);
  } else {
    // Later tiles of a prompt see more keys, so they run first.
    return find_wide_tile(arguments, Plan::kRows, schedule.least_rows, int(gridDim.x - 1 - blockIdx.x), faults);
  }
}

// Scores of 16 rows from `row` on with the warp's keys from `key` on.
template <typename Plan>
__device__ void score(const SharedTile<Plan::kQueryBytes>& queries, const SharedTile<Plan::kKeyBytes>& keys, int row,
                      int key, int head_dim, float (&scores)[Plan::kKeyTiles][4]) {
  using Element = typename Plan::Element;
  const int steps = Plan::kWhole ? Plan::kHeadDim / 16 : (head_dim + 15) / 16;
#pragma unroll(Plan::kWhole ? Plan::kHeadDim / 16 : 1)
  for (int step = 0; step < steps; step++) {
    RowOperand<kQueryTerms> query;
    for (int j = 0; j < kQueryTerms; j++) load_rows(queries, j * Plan::kRows + row, 2 * step, query.term[j]);
    ColumnOperand<kCacheTerms<Element>> columns[Plan::kKeyTiles];
    load_keys<Element>(keys, key, step, columns);
    multiply(query, columns, scores);
  }
}

// Adds 16 keys from `key` on to l and o, by the weights of 16 rows.
template <typename Plan>
__device__ void accumulate(const RowOperand<kSoftmaxTerms>& weights, const SharedTile<Plan::kKeyBytes>& values, int key,
                           int dim, int head_dim, SoftmaxState<Plan::kDimTiles>& state) {
  using Element = typename Plan::Element;
  constexpr int kTogether = Plan::kWhole && Plan::kDimTiles % 4 == 0 ? 4 : 2;
  const ColumnOperand<1> ones[1] = {{{{0x3f803f80u, 0x3f803f80u}}}};
  multiply(weights, ones, state.l);
#pragma unroll
  for (int n = 0; n < Plan::kDimTiles; n += kTogether) {
    if (!Plan::kWhole && dim + n * 8 >= head_dim) break;
    ColumnOperand<kCacheTerms<Element>> columns[kTogether];
    load_values<Element>(values, key, dim + n * 8, columns);
    multiply(weights, columns, state.o + n);
  }
}

// One block per (tile, kv head), and of narrow tiles per part.
template <typename Plan>
__global__ void __launch_bounds__(Plan::kThreads, Plan::kLeastBlocks)
    attention_kernel(AttentionArguments arguments, AttentionSchedule schedule, FaultSlot faults) {
  begin_kernel();
  if (block_faulted(faults)) return;
  const int head_dim = arguments.head_dim;
  const AttentionRows rows = {find_tile<Plan>(arguments, schedule, faults), int(blockIdx.y), arguments.heads,
                              arguments.heads / arguments.kv_heads, arguments.sliding_window};
  const AttentionTile& tile = rows.tile;
  if (tile.request < 0) return;
  const Global<float> output = arguments.output;
  if (tile.length == 0) {  // padding
    for (int i = int(threadIdx.x); i < tile.rows * head_dim && blockIdx.z == 0; i += Plan::kThreads) {
      output[rows.output(i / head_dim, head_dim) + i % head_dim] = 0;
    }
    return;
  }
  if (!check_tile(arguments, tile, faults)) return;

  // Keys that any row sees, and those that all rows see (common).
  const int begin = rows.begin(0), end = rows.end(tile.rows - 1);
  const int common_begin = rows.begin(tile.rows - 1), common_end = rows.end(0);
  const int first_split = begin / kSplit, splits = (end - 1) / kSplit - first_split + 1;
  const int part = int(blockIdx.z);
  const int parts = !Plan::kNarrow ? 1 : splits < schedule.splits.parts ? splits : schedule.splits.parts;
  if (part >= parts) return;

  const SharedTile<Plan::kQueryBytes> queries = {dynamic_shared<uint32_t>(Plan::kQueriesAt)};
  const SharedTile<Plan::kWeightBytes> weights = {dynamic_shared<uint32_t>(Plan::kWeightsAt)};
  const Shared<float> maxima = dynamic_shared<float>(Plan::kMaximaAt);
  stage_queries<Plan>(arguments, rows, queries);
  const ChunkWalk<Plan> walk(begin, end, first_split + part, parts);
  TileStream<Plan> stream(arguments, walk, tile.request, rows.kv_head, begin, end);
  stream.begin();

  const AttentionWarp<Plan> warp(rows);
  SoftmaxState<Plan::kDimTiles> state;
  state.clear();
  float total_m[2] = {-INFINITY, -INFINITY}, total_l[2] = {0, 0};  // of the splits in the output
  for (int n = 0; n < walk.count; n++) {
    const int start = walk.chunk(n) * Plan::kChunk;
    // Warps that share rows meet at barriers, so they also go through chunks that do not change their rows.
    const bool busy = Plan::kColumnWarps > 1 || warp.sees(start);
    const auto keys = stream.take(2 * n);
    float scores[Plan::kKeyTiles][4] = {};
    if (busy) score<Plan>(queries, keys, warp.row, warp.key(), head_dim, scores);

    const bool mended = !Plan::kNarrow && ((start < common_begin && start + Plan::kChunk > begin) ||
                                           (start < end && start + Plan::kChunk > common_end));
    if (mended) stream.mend_values(n);
    if (busy && (mended || !warp.sees_all(start))) warp.hide(start, mended, stream.broken(), scores);

    RowOperand<kSoftmaxTerms> own[Plan::kKeyTiles / 2];
    if (busy) {
      float highest[2];
      warp.find_highest(scores, maxima, highest);
      warp.weigh(highest, scores, state);
      warp.split_weights(scores, weights, own);
    }
    const auto values = stream.take(2 * n + 1);
#pragma unroll(Plan::kWhole || Plan::kColumnWarps == 1 ? Plan::kChunk / 16 : 1)
    for (int step = 0; step < Plan::kChunk / 16; step++) {
      if (!busy) break;
      if constexpr (Plan::kColumnWarps > 1) {
        RowOperand<kSoftmaxTerms> all;
        for (int j = 0; j < kSoftmaxTerms; j++) load_rows(weights, j * Plan::kRows + warp.row, 2 * step, all.term[j]);
        accumulate<Plan>(all, values, step * 16, warp.dim(), head_dim, state);
      } else {
        accumulate<Plan>(own[step], values, step * 16, warp.dim(), head_dim, state);
      }
    }

    const int split = walk.split(n);
    const bool last = n + 1 == walk.count;
    if (!last && walk.split(n + 1) == split) continue;
    if (parts > 1) {
      warp.store(state, schedule.splits, split - first_split, head_dim);
    } else {
      warp.add_to_output(state, split == first_split, last, head_dim, output, total_m, total_l);
    }
    state.clear();
  }
  if (__syncthreads_or(!stream.good(faults))) return;
  if (parts > 1 && last_of_parts(schedule.splits, parts)) {
    merge_splits<Plan::kThreads>(schedule.splits, splits, tile.rows, head_dim, [&](int row, int dim, float value) {
      output[rows.output(row, head_dim) + dim] = value;
    });
  }
}

}  // namespace upbeat
