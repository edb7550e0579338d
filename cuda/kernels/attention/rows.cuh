// A block's rows, and the work of each warp on 16 of them.
#pragma once

#include "cuda/kernels/attention/fragments.cuh"
#include "cuda/kernels/attention/splits.cuh"

namespace upbeat {

struct AttentionRows {
  AttentionTile tile;
  int kv_head, heads, group, window;

  // Keys [begin, end) that a row sees.
  __device__ int end(int row) const { return tile.position + (tile.first + row) / group + 1; }
  __device__ int begin(int row) const { return window > 0 && end(row) > window ? end(row) - window : 0; }

  // The query row and the head of a row, and its offset in the output.
  __device__ int64_t query_row(int row) const { return tile.start + (tile.first + row) / group; }
  __device__ int head(int row) const { return kv_head * group + (tile.first + row) % group; }
  __device__ int64_t output(int row, int head_dim) const { return (query_row(row) * heads + head(row)) * head_dim; }
};

// Queries to shared memory, as sums of BF16 numbers. Softmax weights are computed as powers of two, exp(x) =
// 2^(x log2(e)); the factor is applied to the queries together with the scale.
template <typename Plan>
__device__ void stage_queries(const AttentionArguments& arguments, const AttentionRows& rows,
                              const SharedTile<Plan::kQueryBytes>& queries) {
  constexpr int kPairs = Plan::kHeadDim / 2;
  const int head_dim = arguments.head_dim;
  const float scale = arguments.scale * 1.44269504f;
  const Global<const float> query = arguments.query;
  for (int i = int(threadIdx.x); i < Plan::kRows * kPairs; i += Plan::kThreads) {
    const int row = i / kPairs, dim = i % kPairs * 2;
    if (!Plan::kWhole && dim >= (head_dim + 15) / 16 * 16) continue;
    float first = 0, second = 0;
    if (row < rows.tile.rows && dim < head_dim) {
      const Global<const float> at =
          query + (rows.query_row(row) * arguments.query_stride + rows.head(row) * head_dim + dim);
      first = at[0] * scale;
      second = at[1] * scale;
    }
    uint32_t terms[kQueryTerms];
    split_pair(first, second, terms);
    for (int j = 0; j < kQueryTerms; j++) queries.at(j * Plan::kRows + row, dim / 8)[dim % 8 / 2] = terms[j];
  }
}

// A lane's part of its warp's scores, later of the weights: rows g and g + 8, two keys of every eight.
template <typename Plan>
using Scores = float[Plan::kKeyTiles][4];

// A warp and its share of a block's work.
template <typename Plan>
class AttentionWarp {
 public:
  using State = SoftmaxState<Plan::kDimTiles>;

  __device__ explicit AttentionWarp(const AttentionRows& rows) : rows_(rows) {
    const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
    g_ = lane / 4;
    t_ = lane % 4;
    row = warp / Plan::kColumnWarps * kProductRows;
    column = warp % Plan::kColumnWarps;
    const int last = row + kProductRows <= rows.tile.rows ? row + kProductRows - 1 : rows.tile.rows - 1;
    const bool any = row <= last;
    begin_ = any ? rows.begin(row) : 0;
    end_ = any ? rows.end(last) : 0;
    common_begin_ = any ? rows.begin(last) : 0;
    common_end_ = any ? rows.end(row) : 0;
    for (int half = 0; half < 2; half++) {
      row_begin_[half] = has(half) ? rows.begin(mine(half)) : 0;
      row_end_[half] = has(half) ? rows.end(mine(half)) : 0;
    }
  }

  int row;     // the first of its 16 in the block
  int column;  // its index among the warps with these rows

  // Its first key of a chunk, and its first dimension of the output.
  __device__ int key() const { return column * Plan::kKeyTiles * 8; }
  __device__ int dim() const { return column * Plan::kDimTiles * 8; }

  // The lane's two rows of the block, and whether they exist.
  __device__ int mine(int half) const { return row + g_ + 8 * half; }
  __device__ bool has(int half) const { return mine(half) < rows_.tile.rows; }

  // Whether any of the warp's rows sees keys of a chunk, and whether every row sees all of them.
  __device__ bool sees(int start) const { return start < end_ && start + Plan::kChunk > begin_; }
  __device__ bool sees_all(int start) const { return start >= common_begin_ && start + Plan::kChunk <= common_end_; }

  // Hides keys that a row does not see. Keys that it sees and whose values were zeroed (`broken`) make it NaN.
  __device__ void hide(int start, bool mended, Shared<uint32_t> broken, Scores<Plan>& scores) const {
#pragma unroll
    for (int i = 0; i < Plan::kKeyTiles * 4; i++) {
      const int place = key() + i / 4 * 8 + 2 * t_ + i % 2, half = i % 4 / 2;
      const bool seen = start + place >= row_begin_[half] && start + place < row_end_[half];
      float& score = scores[i / 4][i % 4];
      if (!seen) score = -INFINITY;
      if (seen && mended && broken[place] != 0) score = NAN;
    }
  }

  // The largest score of each of the lane's rows. Where warps share rows they exchange `maxima`; a barrier.
  __device__ void find_highest(const Scores<Plan>& scores, Shared<float> maxima, float (&highest)[2]) const {
    for (int half = 0; half < 2; half++) {
      float most = -INFINITY;
#pragma unroll
      for (int i = 0; i < Plan::kKeyTiles * 2; i++) most = fmaxf(most, scores[i / 2][2 * half + i % 2]);
      most = fmaxf(most, __shfl_xor_sync(kAllLanes, most, 1));
      highest[half] = fmaxf(most, __shfl_xor_sync(kAllLanes, most, 2));
    }
    if constexpr (Plan::kColumnWarps > 1) {
      for (int half = 0; half < 2; half++) {
        if (t_ == 0) maxima[column * Plan::kRows + mine(half)] = highest[half];
      }
      __syncthreads();
      for (int half = 0; half < 2; half++) {
        for (int i = 0; i < Plan::kColumnWarps; i++) {
          highest[half] = fmaxf(highest[half], maxima[i * Plan::kRows + mine(half)]);
        }
      }
    }
  }

  // Turns scores into weights 2^(score - m), and updates m and the scale of l and o.
  __device__ void weigh(const float (&highest)[2], Scores<Plan>& scores, State& state) const {
    for (int half = 0; half < 2; half++) {
      const float m = fmaxf(state.m[half], highest[half]);
      // Until a row has seen a key, its weights are 2^-infinity.
      const float base = m == -INFINITY ? 0.0f : m;
      state.scale(half, exp2f(state.m[half] - base));
      state.m[half] = m;
#pragma unroll
      for (int i = 0; i < Plan::kKeyTiles * 2; i++) {
        float& score = scores[i / 2][2 * half + i % 2];
        score = exp2f(score - base);
      }
    }
  }

  // The weights as operands of 16 keys each: in registers and, where warps share rows, in shared memory.
  __device__ void split_weights(const Scores<Plan>& scores, const SharedTile<Plan::kWeightBytes>& shared,
                                RowOperand<kSoftmaxTerms> (&own)[Plan::kKeyTiles / 2]) const {
#pragma unroll
    for (int i = 0; i < Plan::kKeyTiles * 2; i++) {
      uint32_t terms[kSoftmaxTerms];
      split_pair(scores[i / 2][i % 2 * 2], scores[i / 2][i % 2 * 2 + 1], terms);
      for (int j = 0; j < kSoftmaxTerms; j++) {
        own[i / 4].term[j][i % 4] = terms[j];
        if constexpr (Plan::kColumnWarps > 1) {
          shared.at(j * Plan::kRows + mine(i % 2), key() / 8 + i / 2)[t_] = terms[j];
        }
      }
    }
  }

  // Merges a split into the sum of the splits before it, which is kept in the output because the registers are needed
  // for the split; `m` and `l` belong to that sum. The last split normalises it.
  __device__ void add_to_output(const State& split, bool first, bool last, int head_dim, Global<float> output,
                                float (&m)[2], float (&l)[2]) const {
    for (int half = 0; half < 2; half++) {
      if (!has(half)) continue;
      const bool seen = split.m[half] != -INFINITY;
      const Merge with(m[half], split.m[half]);
      if (seen) {
        m[half] = with.m;
        l[half] = with.of(l[half], split.l[0][2 * half]);
      }
      const float factor = last ? 1.0f / l[half] : 1.0f;
      const Global<float> to = output + (rows_.output(mine(half), head_dim) + dim() + 2 * t_);
#pragma unroll
      for (int n = 0; n < Plan::kDimTiles; n++) {
        if (!Plan::kWhole && dim() + n * 8 + 2 * t_ >= head_dim) break;
        for (int j = 0; j < 2; j++) {
          const float before = first ? 0.0f : float(to[n * 8 + j]);
          to[n * 8 + j] = (seen ? with.of(before, split.o[n][2 * half + j]) : before) * factor;
        }
      }
    }
  }

  // Stores a split for the block that merges them all.
  __device__ void store(const State& split, const AttentionSplits& splits, int number, int head_dim) const {
    for (int half = 0; half < 2; half++) {
      if (!has(half)) continue;
      const int64_t place = split_row(splits, number, mine(half));
      if (t_ == 0 && column == 0) {
        store_pack(Global<float>(splits.sums) + 2 * place, Pack<float, 2>{{split.m[half], split.l[0][2 * half]}});
      }
      const Global<float> to = Global<float>(splits.outputs) + (place * split_pitch(head_dim) + dim() + 2 * t_);
#pragma unroll
      for (int n = 0; n < Plan::kDimTiles; n++) {
        if (!Plan::kWhole && dim() + n * 8 + 2 * t_ >= head_dim) break;
        store_pack(to + n * 8, Pack<float, 2>{{split.o[n][2 * half], split.o[n][2 * half + 1]}});
      }
    }
  }

 private:
  const AttentionRows& rows_;
  int g_, t_;
  int begin_, end_;                // keys that any of the warp's rows sees
  int common_begin_, common_end_;  // and those that all see
  int row_begin_[2], row_end_[2];
};

}  // namespace upbeat
