// Paged causal attention over a ragged batch.
//
// Memory access: K and V dominate. The query heads of a group and neighbouring query rows read the same keys, so they
// form a tile of up to 96 rows that passes over K and V once; a chunk of 128 keys stays in the first two cache levels
// while all rows of the tile use it. A decode row's tile is its group of heads, and it streams the cache, bound by
// memory.
//
// A long context is cut at multiples of 1024 keys, so that one decoding request can use every thread. The states of the
// splits are merged in ascending order, whether one worker computes the whole tile or several share it (tile.inl
// explains why every bit stays the same).
#pragma once

#include "cpu/kernels/attention/tile.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// A worker's task: splits [first_split, end_split) of a tile.
struct AttentionUnit {
  int tile;
  int first_split;
  int end_split;
};

struct AttentionPlan {
  Tile* tiles;
  AttentionUnit* units;
  int tile_count;
  int unit_count;
  int64_t partial_floats;
};

inline bool check_request(const AttentionArguments& arguments, int request, Fault& fault) {
  const int start = arguments.query_starts[request];
  const int end = arguments.query_starts[request + 1];
  const int length = arguments.sequence_lengths[request];
  if (start < 0 || end < start || end > arguments.rows) {
    return fail(fault, "attention: query_starts gives request %d rows %d to %d of %d", request, start, end,
                arguments.rows);
  }
  if (start == end || length == 0) return true;
  if (length < end - start) {
    return fail(fault, "attention: request %d has %d query rows but a sequence of %d tokens", request, end - start,
                length);
  }
  const int window = arguments.sliding_window;
  const int first = window > 0 ? larger(0, length - (end - start) + 1 - window) : 0;
  const int last_block = (length - 1) / arguments.block_size;
  if (last_block >= arguments.max_blocks) {
    return fail(fault, "attention: request %d has %d tokens, more than %d blocks of %d hold", request, length,
                arguments.max_blocks, arguments.block_size);
  }
  const int* table = arguments.block_tables + int64_t(request) * arguments.max_blocks;
  for (int block = first / arguments.block_size; block <= last_block; block++) {
    if (table[block] < 0 || table[block] >= arguments.cache_blocks) {
      return fail(fault, "attention: block %d of request %d is %d in the block table, outside a cache of %d blocks",
                  block, request, table[block], arguments.cache_blocks);
    }
  }
  return true;
}

// Calls visit(tile) for every tile of the batch.
template <typename Visit>
void each_tile(const AttentionArguments& arguments, Visit&& visit) {
  const int group = arguments.heads / arguments.kv_heads;
  for (int request = 0; request < arguments.requests; request++) {
    const int queries = arguments.query_starts[request + 1] - arguments.query_starts[request];
    const int length = arguments.sequence_lengths[request];
    if (queries == 0 || length == 0) continue;
    for (int kv_head = 0; kv_head < arguments.kv_heads; kv_head++) {
      for (int first = 0; first < queries * group; first += kQueryTile) {
        Tile tile;
        tile.request = request;
        tile.kv_head = kv_head;
        tile.first_row = first;
        tile.rows = smaller(kQueryTile, queries * group - first);
        tile.first_position = length - queries;
        const int lowest = tile.first_position + first / group;
        tile.begin = arguments.sliding_window > 0 ? larger(0, lowest + 1 - arguments.sliding_window) : 0;
        tile.end = tile.first_position + (first + tile.rows - 1) / group + 1;
        tile.partials = -1;
        visit(tile);
      }
    }
  }
}

inline int first_split(const Tile& tile) { return tile.begin / kSplit; }
inline int end_split(const Tile& tile) { return (tile.end - 1) / kSplit + 1; }

// Lays out tiles and units. Tiles that are large compared to a thread's fair share are cut at splits.
inline bool plan_attention(const AttentionArguments& arguments, int threads, Scratch& scratch, AttentionPlan& plan) {
  int64_t tiles = 0, splits = 0, cost = 0;
  const auto cost_of = [](const Tile& tile) { return int64_t(tile.end - tile.begin) * (tile.rows + 8); };
  each_tile(arguments, [&](const Tile& tile) {
    tiles++;
    splits += end_split(tile) - first_split(tile);
    cost += cost_of(tile);
  });
  Carver measure{nullptr};
  measure.take<Tile>(size_t(tiles));
  measure.take<AttentionUnit>(size_t(splits));
  Carver carver{scratch.reserve(measure.used)};
  if (measure.used > 0 && !carver.base) return false;
  plan = {carver.take<Tile>(size_t(tiles)), carver.take<AttentionUnit>(size_t(splits)), 0, 0, 0};

  const int64_t share = threads > 1 ? cost / (4 * int64_t(threads)) + 1 : INT64_MAX;
  each_tile(arguments, [&](Tile tile) {
    const int begin = first_split(tile), end = end_split(tile);
    const int pieces = int(cost_of(tile) / share < end - begin ? cost_of(tile) / share : end - begin);
    if (pieces > 1) {
      tile.partials = plan.partial_floats;
      plan.partial_floats += int64_t(end - begin) * tile.rows * state_stride(arguments.head_dim);
    }
    const int count = pieces > 1 ? pieces : 1;
    for (int piece = 0; piece < count; piece++) {
      plan.units[plan.unit_count++] = {plan.tile_count, begin + (end - begin) * piece / count,
                                       begin + (end - begin) * (piece + 1) / count};
    }
    plan.tiles[plan.tile_count++] = tile;
  });
  return true;
}

inline float* partial_states(const AttentionArguments& arguments, const Tile& tile, float* partials, int split) {
  return partials + tile.partials + int64_t(split - first_split(tile)) * tile.rows * state_stride(arguments.head_dim);
}

inline void write_tile(const AttentionArguments& arguments, const Tile& tile, const float* states) {
  const int group = arguments.heads / arguments.kv_heads;
  for (int r = 0; r < tile.rows; r++) {
    const int index = tile.first_row + r;
    const int64_t row = arguments.query_starts[tile.request] + index / group;
    const int64_t head = tile.kv_head * group + index % group;
    write_output(states + r * state_stride(arguments.head_dim), arguments.head_dim,
                 arguments.output + (row * arguments.heads + head) * arguments.head_dim);
  }
}

template <typename Element>
void run_unit(const AttentionArguments& arguments, const AttentionPlan& plan, const AttentionUnit& unit, TileWork& work,
              float* partials) {
  const Tile& tile = plan.tiles[unit.tile];
  const int64_t stride = state_stride(arguments.head_dim);
  prepare_tile(arguments, tile, work);
  if (tile.partials >= 0) {
    for (int split = unit.first_split; split < unit.end_split; split++) {
      attend_split<Element>(arguments, tile, work, split, partial_states(arguments, tile, partials, split));
    }
    return;
  }
  attend_split<Element>(arguments, tile, work, unit.first_split, work.state);
  for (int split = unit.first_split + 1; split < unit.end_split; split++) {
    attend_split<Element>(arguments, tile, work, split, work.partial);
    for (int r = 0; r < tile.rows; r++) {
      merge_state(split, work.begin[r], work.end[r], work.partial + r * stride, arguments.head_dim,
                  work.state + r * stride);
    }
  }
  write_tile(arguments, tile, work.state);
}

// Merges the splits of a tile that several workers computed, in place in its first split's states.
inline void merge_tile(const AttentionArguments& arguments, const Tile& tile, TileWork& work, float* partials) {
  const int64_t stride = state_stride(arguments.head_dim);
  float* states = partial_states(arguments, tile, partials, first_split(tile));
  prepare_tile(arguments, tile, work);
  for (int split = first_split(tile) + 1; split < end_split(tile); split++) {
    const float* next = partial_states(arguments, tile, partials, split);
    for (int r = 0; r < tile.rows; r++) {
      merge_state(split, work.begin[r], work.end[r], next + r * stride, arguments.head_dim, states + r * stride);
    }
  }
  write_tile(arguments, tile, states);
}

inline bool attention(const AttentionArguments& arguments, ThreadPool& pool, Fault& fault) {
  const int64_t width = int64_t(arguments.heads) * arguments.head_dim;
  for (int request = 0; request < arguments.requests; request++) {
    if (!check_request(arguments, request, fault)) return false;
    if (arguments.sequence_lengths[request] != 0) continue;
    const int64_t start = arguments.query_starts[request];
    const int64_t rows = arguments.query_starts[request + 1] - start;
    std::memset(arguments.output + start * width, 0, size_t(rows * width) * sizeof(float));
  }

  static thread_local Scratch plan_scratch;
  static thread_local Scratch work_scratch;
  AttentionPlan plan;
  if (!plan_attention(arguments, pool.size(), plan_scratch, plan)) return fail_memory(fault, "attention", 0);
  if (plan.unit_count == 0) return true;

  Carver measure{nullptr};
  carve_tile_work(measure, arguments.head_dim);
  const size_t worker_bytes = measure.used;
  const size_t bytes = worker_bytes * size_t(pool.size()) + size_t(plan.partial_floats) * sizeof(float);
  uint8_t* memory = work_scratch.reserve(bytes);
  if (!memory) return fail_memory(fault, "attention", bytes);
  float* partials = reinterpret_cast<float*>(memory + worker_bytes * size_t(pool.size()));
  const auto work_of = [&](int worker) {
    Carver carver{memory + worker_bytes * size_t(worker)};
    return carve_tile_work(carver, arguments.head_dim);
  };

  // The last tiles of a prompt see the most keys, so they run first.
  const auto run = [&](int task, int worker) {
    TileWork work = work_of(worker);
    const AttentionUnit& unit = plan.units[plan.unit_count - 1 - task];
    if (arguments.cache_dtype == Dtype::f32) {
      run_unit<float>(arguments, plan, unit, work, partials);
    } else {
      run_unit<Bf16>(arguments, plan, unit, work, partials);
    }
  };
  int64_t work_elements = 0;
  for (int i = 0; i < plan.tile_count; i++) {
    work_elements += int64_t(plan.tiles[i].end - plan.tiles[i].begin) * plan.tiles[i].rows * arguments.head_dim;
  }
  constexpr int64_t kWorthWaking = 32768;
  if (work_elements < kWorthWaking) {
    for (int task = 0; task < plan.unit_count; task++) run(task, 0);
  } else {
    pool.run(plan.unit_count, [&](int task, int worker) { run(task, worker); });
  }
  if (plan.partial_floats == 0) return true;
  pool.run(plan.tile_count, [&](int task, int worker) {
    if (plan.tiles[task].partials < 0) return;
    TileWork work = work_of(worker);
    merge_tile(arguments, plan.tiles[task], work, partials);
  });
  return true;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
