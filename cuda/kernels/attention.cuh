// Paged causal attention over a ragged batch.
//
// The memory idea: K and V are what is large. The query heads of a group and neighbouring query rows read the same
// keys, so a block takes 16 of these rows and passes over K and V once; keys come to shared memory in small tiles, as
// F32, and every warp uses them for its four rows. A decode row's tile is its group of heads.
//
// The softmax is computed online (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022): for each chunk of 128
// keys the running maximum m, the sum l of the weights and the weighted sum o of the values are brought up to date.
// Splits of 1024 keys start afresh and are merged in rising order. Chunks and splits lie at absolute positions, a row
// uses exactly the keys that it sees, and a lane's share of l is that of the keys whose number it has, modulo 32: so a
// row's result depends on nothing but its own query, keys and values.
#pragma once

#include "attention_tiles.cuh"
#include "elements.cuh"
#include "kv_layout.h"

namespace upbeat {

inline constexpr int kAttentionWarps = 4;
inline constexpr int kAttentionThreads = kAttentionWarps * 32;
inline constexpr int kWarpRows = kTileRows / kAttentionWarps;
inline constexpr int kChunk = 128;   // keys of one softmax step
inline constexpr int kSplit = 1024;  // keys whose state starts afresh
inline constexpr int kMostHeadDim = 256;

// Keys in shared memory at a time.
__host__ __device__ constexpr int tile_keys(int dims_per_lane) { return dims_per_lane <= 4 ? 32 : 16; }

// Blocks that a multiprocessor shall hold at least: what bounds the registers of a thread.
__host__ __device__ constexpr int least_blocks(int dims_per_lane) { return dims_per_lane <= 4 ? 3 : 2; }

// Shared memory of a block: queries [kTileRows][query_pitch], weights [kTileRows][kChunk], keys or values [tile_keys]
// [head_dim + 1], in floats. Queries are read four at a time; the odd pitch of keys keeps lanes that read different
// ones on different banks.
__host__ __device__ constexpr int query_pitch(int head_dim) { return (head_dim + 3) / 4 * 4; }
__host__ __device__ constexpr int attention_shared_floats(int head_dim, int keys) {
  return kTileRows * query_pitch(head_dim) + kTileRows * kChunk + keys * (head_dim + 1);
}

// What a warp keeps of its rows, in registers. Lane i has dimensions i, i + 32, ... of o, and its share of l.
template <int DimsPerLane>
struct RowState {
  float m[kWarpRows];
  float l[kWarpRows];
  float o[kWarpRows][DimsPerLane];

  __device__ void clear() {
    for (int row = 0; row < kWarpRows; row++) {
      m[row] = -INFINITY;
      l[row] = 0;
      for (int i = 0; i < DimsPerLane; i++) o[row][i] = 0;
    }
  }

  // Adds a later split's state of one row. The first one is taken as it is.
  __device__ void merge(int row, const RowState& next) {
    if (next.m[row] == -INFINITY) return;  // the row sees none of the split's keys
    if (m[row] == -INFINITY) {
      m[row] = next.m[row];
      l[row] = next.l[row];
      for (int i = 0; i < DimsPerLane; i++) o[row][i] = next.o[row][i];
      return;
    }
    const float highest = fmaxf(m[row], next.m[row]);
    const float keep = exp2f(m[row] - highest), add = exp2f(next.m[row] - highest);
    m[row] = highest;
    l[row] = fmaf(next.l[row], add, l[row] * keep);
    for (int i = 0; i < DimsPerLane; i++) o[row][i] = fmaf(next.o[row][i], add, o[row][i] * keep);
  }
};

// One block's tile of rows, its keys, and its shared memory.
struct AttentionWork {
  AttentionTile tile;
  int kv_head;
  int begin[kWarpRows], end[kWarpRows];  // keys that this warp's rows see
  int tile_begin, tile_end;              // keys that any row of the tile sees
  Shared<float> queries, weights, keys;

  __device__ int row_of(int i) const { return int(threadIdx.x) / 32 * kWarpRows + i; }
};

// Brings keys or values [first, first + Keys) to shared memory; those outside the tile's become zeros. All threads.
template <typename Element, int Keys>
__device__ bool stage(const AttentionArguments& arguments, const AttentionWork& work, const void* cache, int first,
                      const FaultSlot& faults) {
  constexpr int kPack = 16 / int(sizeof(Element));
  const int head_dim = arguments.head_dim;
  const int packs = padded_head_dim(head_dim) / kPack;
  const Global<const Element> source = static_cast<const Element*>(cache);
  const Global<const int32_t> table =
      Global<const int32_t>(arguments.block_tables) + int64_t(work.tile.request) * arguments.max_blocks;
  bool good = true;
  for (int item = int(threadIdx.x); item < Keys * packs; item += kAttentionThreads) {
    const int key = item / packs, dim = item % packs * kPack;
    const int position = first + key;
    Pack<Element, kPack> pack = {};
    if (position >= work.tile_begin && position < work.tile_end) {
      const int32_t block = table[position / arguments.block_size];
      if (block >= 0) {
        const int64_t at = kv_offset(block, position % arguments.block_size, work.kv_head, arguments.kv_heads,
                                     arguments.block_size, head_dim);
        pack = load_pack<kPack>(source + (at + dim));
      } else {
        raise_fault(faults, FaultKind::attention_block, position / arguments.block_size, work.tile.request, block);
        good = false;
      }
    }
    for (int i = 0; i < kPack; i++) {
      if (dim + i < head_dim) work.keys[key * (head_dim + 1) + dim + i] = to_f32(pack.v[i]);
    }
  }
  return good;
}

// Scores of this warp's rows for the staged keys, in powers of two; -infinity for keys that a row does not see.
template <int Keys>
__device__ void score(const AttentionWork& work, int head_dim, int chunk, int first) {
  const int lane = int(threadIdx.x) % 32;
  if (lane >= Keys) return;
  float sums[kWarpRows] = {};
  const Shared<float> key = work.keys + lane * (head_dim + 1);
  const Shared<float> queries = work.queries + work.row_of(0) * query_pitch(head_dim);
  int i = 0;
#pragma unroll 2
  for (; i + 4 <= head_dim; i += 4) {
    const float part[4] = {key[i], key[i + 1], key[i + 2], key[i + 3]};
    for (int row = 0; row < kWarpRows; row++) {
      const Pack<float, 4> query = load_pack<4>(queries + (row * query_pitch(head_dim) + i));
      for (int j = 0; j < 4; j++) sums[row] = fmaf(query.v[j], part[j], sums[row]);
    }
  }
  for (; i < head_dim; i++) {
    for (int row = 0; row < kWarpRows; row++) {
      sums[row] = fmaf(float(queries[row * query_pitch(head_dim) + i]), float(key[i]), sums[row]);
    }
  }
  const int position = first + lane;
  for (int row = 0; row < kWarpRows; row++) {
    const bool seen = position >= work.begin[row] && position < work.end[row];
    work.weights[work.row_of(row) * kChunk + position - chunk] = seen ? sums[row] : -INFINITY;
  }
}

// Turns a chunk's scores into weights 2^(score - m), and brings m, l and the scale of o up to date.
template <int DimsPerLane>
__device__ void soften(const AttentionWork& work, int chunk, RowState<DimsPerLane>& state) {
  const int lane = int(threadIdx.x) % 32;
  for (int row = 0; row < kWarpRows; row++) {
    if (work.begin[row] >= chunk + kChunk || work.end[row] <= chunk) continue;  // the row sees none of the chunk
    const Shared<float> scores = work.weights + work.row_of(row) * kChunk;
    float highest = -INFINITY;
    for (int key = lane; key < kChunk; key += 32) highest = fmaxf(highest, float(scores[key]));
    highest = fmaxf(state.m[row], warp_max(highest));
    const float factor = exp2f(state.m[row] - highest);
    float sum = state.l[row] * factor;
    for (int key = lane; key < kChunk; key += 32) {
      const float weight = exp2f(float(scores[key]) - highest);
      scores[key] = weight;
      sum += weight;
    }
    state.m[row] = highest;
    state.l[row] = sum;
    for (int i = 0; i < DimsPerLane; i++) state.o[row][i] *= factor;
  }
}

// Adds the staged values, by the weights of the keys that each row sees.
template <int DimsPerLane, int Keys>
__device__ void accumulate(const AttentionWork& work, int head_dim, int chunk, int first,
                           RowState<DimsPerLane>& state) {
  const int lane = int(threadIdx.x) % 32;
  const int from = work.tile_begin > first ? work.tile_begin : first;
  const int to = work.tile_end < first + Keys ? work.tile_end : first + Keys;
  const Shared<float> weights = work.weights + work.row_of(0) * kChunk;
#pragma unroll 1
  for (int position = from; position < to; position++) {
    float values[DimsPerLane];
#pragma unroll
    for (int i = 0; i < DimsPerLane; i++) {
      const int dim = lane + 32 * i;
      values[i] = dim < head_dim ? float(work.keys[(position - first) * (head_dim + 1) + dim]) : 0.0f;
    }
    for (int row = 0; row < kWarpRows; row++) {
      // A row takes nothing of what it does not see, whatever is there.
      if (position < work.begin[row] || position >= work.end[row]) continue;
      const float weight = weights[row * kChunk + position - chunk];
      for (int i = 0; i < DimsPerLane; i++) state.o[row][i] = fmaf(weight, values[i], state.o[row][i]);
    }
  }
}

// A chunk of 128 keys. False when its keys cannot be found.
template <typename Element, int DimsPerLane>
__device__ bool attend_chunk(const AttentionArguments& arguments, const AttentionWork& work, int chunk,
                             const FaultSlot& faults, RowState<DimsPerLane>& state) {
  constexpr int kKeys = tile_keys(DimsPerLane);
  bool good = true;
  for (int first = chunk; first < chunk + kChunk; first += kKeys) {
    // Tiles that no row sees are left out; their scores are still written.
    if (first < work.tile_end && first + kKeys > work.tile_begin) {
      good &= stage<Element, kKeys>(arguments, work, arguments.key_cache, first, faults);
      __syncthreads();
      score<kKeys>(work, arguments.head_dim, chunk, first);
      __syncthreads();
    } else {
      for (int i = int(threadIdx.x) % 32; i < kWarpRows * kKeys; i += 32) {
        work.weights[work.row_of(i / kKeys) * kChunk + first - chunk + i % kKeys] = -INFINITY;
      }
    }
  }
  __syncwarp();
  soften(work, chunk, state);
  __syncwarp();
  for (int first = chunk; first < chunk + kChunk; first += kKeys) {
    if (first >= work.tile_end || first + kKeys <= work.tile_begin) continue;
    good &= stage<Element, kKeys>(arguments, work, arguments.value_cache, first, faults);
    __syncthreads();
    accumulate<DimsPerLane, kKeys>(work, arguments.head_dim, chunk, first, state);
    __syncthreads();
  }
  return good;
}

// Where the rows of a tile lie in query and output: row and head.
__device__ inline int64_t tile_row(const AttentionWork& work, int group, int row) {
  return work.tile.start + (work.tile.first + row) / group;
}
__device__ inline int tile_head(const AttentionWork& work, int group, int row) {
  return work.kv_head * group + (work.tile.first + row) % group;
}

// One block per (tile, kv head).
template <typename Element, int DimsPerLane>
__global__ void __launch_bounds__(kAttentionThreads, least_blocks(DimsPerLane))
    attention_kernel(AttentionArguments arguments, FaultSlot faults) {
  if (block_faulted(faults)) return;
  const int lane = int(threadIdx.x) % 32;
  const int head_dim = arguments.head_dim, heads = arguments.heads;
  const int group = heads / arguments.kv_heads;
  AttentionWork work;
  work.tile = find_tile(arguments, int(blockIdx.x), faults);
  work.kv_head = int(blockIdx.y);
  if (work.tile.request < 0) return;
  const Global<float> output = arguments.output;
  if (work.tile.length == 0) {  // padding
    for (int i = int(threadIdx.x); i < work.tile.rows * head_dim; i += kAttentionThreads) {
      const int row = i / head_dim;
      output[(tile_row(work, group, row) * heads + tile_head(work, group, row)) * head_dim + i % head_dim] = 0;
    }
    return;
  }
  if (!check_tile(arguments, work.tile, faults)) return;

  work.queries = dynamic_shared<float>();
  work.weights = work.queries + kTileRows * query_pitch(head_dim);
  work.keys = work.weights + kTileRows * kChunk;
  const int window = arguments.sliding_window;
  const auto end_of = [&](int row) { return work.tile.position + (work.tile.first + row) / group + 1; };
  const auto begin_of = [&](int row) { return window > 0 && end_of(row) > window ? end_of(row) - window : 0; };
  work.tile_begin = begin_of(0);
  work.tile_end = end_of(work.tile.rows - 1);
  for (int i = 0; i < kWarpRows; i++) {
    const bool exists = work.row_of(i) < work.tile.rows;
    work.begin[i] = exists ? begin_of(work.row_of(i)) : 0;
    work.end[i] = exists ? end_of(work.row_of(i)) : 0;
  }

  // Scores are wanted in powers of two: exp(x) = 2^(x log2(e)), and the factor goes into the queries with the scale.
  const float scale = arguments.scale * 1.44269504f;
  const Global<const float> query = arguments.query;
  for (int i = int(threadIdx.x); i < kTileRows * head_dim; i += kAttentionThreads) {
    const int row = i / head_dim, dim = i % head_dim;
    float value = 0;
    if (row < work.tile.rows) {
      value = query[tile_row(work, group, row) * arguments.query_stride + tile_head(work, group, row) * head_dim + dim];
    }
    work.queries[row * query_pitch(head_dim) + dim] = value * scale;
  }
  __syncthreads();

  RowState<DimsPerLane> total, split;
  total.clear();
  bool good = true;
  for (int start = work.tile_begin / kSplit * kSplit; start < work.tile_end; start += kSplit) {
    split.clear();
    const int first = work.tile_begin > start ? work.tile_begin / kChunk * kChunk : start;
    for (int chunk = first; chunk < start + kSplit && chunk < work.tile_end; chunk += kChunk) {
      good &= attend_chunk<Element>(arguments, work, chunk, faults, split);
    }
    for (int row = 0; row < kWarpRows; row++) total.merge(row, split);
  }
  if (__syncthreads_or(!good)) return;

  for (int i = 0; i < kWarpRows; i++) {
    const int row = work.row_of(i);
    if (row >= work.tile.rows) continue;
    const float inverse = 1.0f / warp_sum(total.l[i]);
    const Global<float> to = output + (tile_row(work, group, row) * heads + tile_head(work, group, row)) * head_dim;
#pragma unroll
    for (int j = 0; j < DimsPerLane; j++) {
      const int dim = lane + 32 * j;
      if (dim < head_dim) to[dim] = total.o[i][j] * inverse;
    }
  }
}

}  // namespace upbeat
