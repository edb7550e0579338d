// Attention of one tile: some query rows that share a kv head, against one split of their keys.
//
// The softmax is computed online (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022): for each chunk of 128
// keys the running maximum m, the sum l of the weights and the weighted sum o of the values are updated. Splits of 1024
// keys start from scratch and are merged in ascending order. Chunks and splits lie at absolute positions, a row uses
// exactly the keys it sees, and l is kept as sixteen lanes, so a row's result depends only on its own query, keys and
// values: not on the other rows of the tile, nor on the chunk of the prompt that it came with, nor on which worker
// computed a split.
#pragma once

#include "cpu/kernels/attention/blocks.inl"
#include "cpu/kernels/common/read_element.inl"
#include "cpu/kernels/common/scratch.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

inline constexpr int kSplit = 1024;    // keys
inline constexpr int kQueryTile = 96;  // a multiple of kQueryBlock and of kLanes
inline constexpr int kMostBlocks = kQueryTile / kQueryBlock;
inline constexpr int kConvertRows = 12;  // from here on a BF16 chunk is converted once, not in each block of rows

// A row's state: o [padded head_dim], l [16 lanes], then m in the first lane of another 16.
inline int64_t state_stride(int head_dim) { return padded(head_dim) + 2 * kLanes; }

// Rows are (query position, head of the group) in this order, so they see ever later keys. Row r of the tile has index
// first_row + r among the request's.
struct Tile {
  int request;
  int kv_head;
  int first_row;
  int rows;
  int begin;  // keys seen by any row: [begin, end)
  int end;
  int first_position;  // of the request's first query row
  int64_t partials;    // where the partial states of all its splits lie, in floats; -1: one worker has the whole tile
};

// What a worker needs for a tile.
struct TileWork {
  float* query;           // blocks of [head_dim][rows of the block], scaled
  float* scores;          // [kQueryTile][kChunk]
  float* state;           // [kQueryTile][state stride]
  float* partial;         // [kQueryTile][state stride]
  float* keys;            // [kChunkGranules][head_dim][kGranule]
  float* values;          // [kChunk][padded head_dim]
  int begin[kQueryTile];  // keys seen by each row
  int end[kQueryTile];
  int blocks;
  int block_start[kMostBlocks + 1];
};

inline TileWork carve_tile_work(Carver& carver, int head_dim) {
  TileWork work;
  work.query = carver.take<float>(size_t(kQueryTile) * head_dim);
  work.scores = carver.take<float>(size_t(kQueryTile) * kChunk);
  work.state = carver.take<float>(size_t(kQueryTile) * state_stride(head_dim));
  work.partial = carver.take<float>(size_t(kQueryTile) * state_stride(head_dim));
  work.keys = carver.take<float>(size_t(kChunk) * head_dim);
  work.values = carver.take<float>(size_t(kChunk) * padded(head_dim));
  return work;
}

inline int smaller(int a, int b) { return a < b ? a : b; }
inline int larger(int a, int b) { return a > b ? a : b; }

// Packs the tile's queries and determines which keys each row sees. Softmax weights are computed as powers of two,
// exp(x) = 2^(x log2(e)); the factor is applied to the queries together with the scale.
inline void prepare_tile(const AttentionArguments& arguments, const Tile& tile, TileWork& work) {
  const int group = arguments.heads / arguments.kv_heads;
  const int head_dim = arguments.head_dim;
  const float scale = arguments.scale * 1.44269504f;
  const float* queries[kQueryTile];
  for (int r = 0; r < tile.rows; r++) {
    const int index = tile.first_row + r;
    const int position = tile.first_position + index / group;
    work.end[r] = position + 1;
    work.begin[r] = arguments.sliding_window > 0 ? larger(0, position + 1 - arguments.sliding_window) : 0;
    const int64_t row = arguments.query_starts[tile.request] + index / group;
    queries[r] =
        arguments.query + row * arguments.query_stride + int64_t(tile.kv_head * group + index % group) * head_dim;
    for (int d = 0; d < head_dim; d += kLanes) __builtin_prefetch(queries[r] + d);
  }
  work.blocks = block_count(tile.rows);
  for (int block = 0; block <= work.blocks; block++) work.block_start[block] = tile.rows * block / work.blocks;
  for (int block = 0; block < work.blocks; block++) {
    const int start = work.block_start[block];
    const int rows = work.block_start[block + 1] - start;
    float* packed = work.query + int64_t(start) * head_dim;
    with_rows(rows, [&]<int Rows>() {
      for (int d = 0; d < head_dim; d++) {
        UPBEAT_UNROLL for (int r = 0; r < Rows; r++) packed[d * Rows + r] = queries[start + r][d] * scale;
      }
    });
  }
}

// The largest of a row's scores of keys [begin, end) of the chunk. Scores of other keys in the same granules become
// -infinity.
inline float largest_score(float* scores, int begin, int end) {
  const F32x16 lowest = F32x16::broadcast(-__builtin_inff());
  static const float kLaneNumbers[kLanes] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  if (begin % kGranule != 0) {
    float* p = scores + begin / kGranule * kGranule;
    const F32x16 limit = F32x16::broadcast(float(begin % kGranule));
    select_greater_equal(F32x16::load(kLaneNumbers), limit, F32x16::load(p), lowest).store(p);
  }
  if (end % kGranule != 0) {
    float* p = scores + end / kGranule * kGranule;
    const F32x16 limit = F32x16::broadcast(float(end % kGranule));
    select_greater_equal(F32x16::load(kLaneNumbers), limit, lowest, F32x16::load(p)).store(p);
  }
  F32x16 largest = lowest;
  const float* stop = scores + end;
  for (const float* p = scores + begin / kGranule * kGranule; p < stop; p += kGranule) {
    largest = max(F32x16::load(p), largest);
  }
  return maximum(largest);
}

// Turns a row's scores into weights 2^(score - m), and adds them to l.
inline void weigh_scores(float* scores, int begin, int end, float m, float rescale, float* sums) {
  const F32x16 shift = F32x16::broadcast(m);
  F32x16 sum = F32x16::load(sums) * F32x16::broadcast(rescale);
  const auto weigh = [&](float* p) {
    const F32x16 weight = exp2_of_negative(F32x16::load(p) - shift);
    weight.store(p);
    sum = sum + weight;
  };
  if (begin == 0 && end == kChunk) {
    UPBEAT_UNROLL for (int g = 0; g < kChunkGranules; g++) weigh(scores + g * kGranule);
  } else {
    for (float* p = scores + begin / kGranule * kGranule; p < scores + end; p += kGranule) weigh(p);
  }
  sum.store(sums);
}

// Updates the states of all rows for a chunk's scores, except for the values: m, l and the scale of o. The rows'
// factors 2^(old m - new m) are computed sixteen at a time; the factor is 1 for a row that sees no key of the chunk.
template <typename BeginOf, typename EndOf>
void update_softmax(const TileWork& work, int rows, BeginOf&& begin_of, EndOf&& end_of, int head_dim, float* states) {
  const int64_t stride = state_stride(head_dim);
  const int width = padded(head_dim);
  float m[kQueryTile], rescale[kQueryTile];
  for (int row = 0; row < rows; row++) {
    m[row] = begin_of(row) < end_of(row) ? largest_score(work.scores + row * kChunk, begin_of(row), end_of(row))
                                         : -__builtin_inff();
    rescale[row] = states[row * stride + width + kLanes];
  }
  for (int row = rows; row % kLanes != 0; row++) m[row] = rescale[row] = 0;
  for (int row = 0; row < rows; row += kLanes) {
    const F32x16 before = F32x16::load(rescale + row);
    const F32x16 after = max(F32x16::load(m + row), before);
    exp2_of_negative(before - after).store(rescale + row);
    after.store(m + row);
  }
  for (int row = 0; row < rows; row++) {
    if (begin_of(row) >= end_of(row)) continue;
    float* state = states + row * stride;
    weigh_scores(work.scores + row * kChunk, begin_of(row), end_of(row), m[row], rescale[row], state + width);
    state[width + kLanes] = m[row];
    const F32x16 factor = F32x16::broadcast(rescale[row]);
    for (int i = 0; i < width; i += kLanes) (F32x16::load(state + i) * factor).store(state + i);
  }
}

// The granules that one block of rows prefetches: its share of those at `far`. For the others it names `near`, which it
// reads itself, so that the prefetch has no effect.
template <typename Element>
struct Ahead {
  const Element* granules[kChunkGranules];

  Ahead(const Element* const* near, const Element* const* far, int block, int blocks) {
    for (int g = 0; g < kChunkGranules; g++) granules[g] = g % blocks == block ? far[g] : near[g];
  }
};

// One chunk, from key `origin` on. states: [tile rows][state stride]. `ahead` points to the next chunk's keys: while
// one product runs, the operands of the next one are prefetched; a decode row would otherwise wait for them.
template <typename Element>
void attend_chunk(const TileWork& work, const ChunkPointers<Element>& chunk, const Element* const* ahead, int origin,
                  int head_dim, float* states) {
  const int64_t stride = state_stride(head_dim);
  const int vectors = padded(head_dim) / kLanes;
  // The part of the chunk that a row sees.
  const auto begin_of = [&](int row) { return larger(work.begin[row] - origin, 0); };
  const auto end_of = [&](int row) { return smaller(work.end[row] - origin, kChunk); };

  for (int first = 0; first < kChunkGranules; first += kAttentionVectors) {
    for (int block = 0; block < work.blocks; block++) {
      const int start = work.block_start[block];
      const int rows = work.block_start[block + 1] - start;
      const int from = larger(begin_of(start) / kGranule, first);
      const int to = smaller((end_of(start + rows - 1) + kGranule - 1) / kGranule, first + kAttentionVectors);
      const float* query = work.query + int64_t(start) * head_dim;
      const Ahead<Element> next(chunk.keys, chunk.values, block, work.blocks);
      with_rows(rows, [&]<int Rows>() {
        with_vectors<block_vectors(Rows)>(from, to, [&]<int Vectors>(int granule) {
          block_scores<Rows, Vectors>(query, chunk.keys + granule, next.granules + granule, head_dim,
                                      work.scores + start * kChunk + granule * kGranule);
        });
      });
    }
  }

  update_softmax(work, work.block_start[work.blocks], begin_of, end_of, head_dim, states);

  // Keys that all rows of a block see are computed for all rows at once; those before and after them row by row.
  with_vectors<kAttentionVectors>(0, vectors, [&]<int Vectors>(int vector) {
    for (int block = 0; block < work.blocks; block++) {
      const int start = work.block_start[block];
      const int block_rows = work.block_start[block + 1] - start;
      const int last = start + block_rows - 1;
      const int shared_begin = begin_of(last);
      const int shared_end = larger(end_of(start), shared_begin);
      const auto alone = [&](int row, int begin, int end) {
        if (begin >= end) return;
        block_values<1, Vectors>(work.scores + row * kChunk, chunk.values, chunk.values, padded(head_dim), vector,
                                 begin, end, states + row * stride, stride);
      };
      for (int row = start; row <= last; row++) alone(row, begin_of(row), smaller(shared_begin, end_of(row)));
      if (shared_begin < shared_end) {
        const Ahead<Element> next(chunk.values, ahead, block, work.blocks);
        with_rows(block_rows, [&]<int Rows>() {
          constexpr int kMost = Vectors < block_vectors(Rows) ? Vectors : block_vectors(Rows);
          with_vectors<kMost>(vector, vector + Vectors, [&]<int Part>(int first) {
            block_values<Rows, Part>(work.scores + start * kChunk, chunk.values, next.granules, padded(head_dim), first,
                                     shared_begin, shared_end, states + start * stride, stride);
          });
        });
      }
      for (int row = start; row <= last; row++) alone(row, larger(shared_end, begin_of(row)), end_of(row));
    }
  });
}

// Copies the keys [begin, end) of a chunk to the worker's memory as F32, whatever the block size.
template <typename Element>
void copy_chunk(const AttentionArguments& arguments, const Tile& tile, const TileWork& work, int origin, int begin,
                int end) {
  const int head_dim = arguments.head_dim;
  const int width = padded(head_dim);
  const int block_size = arguments.block_size;
  const int* table = arguments.block_tables + int64_t(tile.request) * arguments.max_blocks;
  for (int key = begin; key < end;) {
    const int position = origin + key;
    const int token = position % block_size;
    const int64_t base =
        kv_tile_offset(table[position / block_size], tile.kv_head, arguments.kv_heads, block_size, head_dim);
    const Element* keys = static_cast<const Element*>(arguments.key_cache) + base + key_offset(token, head_dim);
    const Element* values = static_cast<const Element*>(arguments.value_cache) + base + value_offset(token, head_dim);
    float* key_out = work.keys + key_offset(key, head_dim);
    float* value_out = work.values + int64_t(key) * width;
    if (block_size % kGranule == 0 && key % kGranule == 0) {  // a granule at a time; the next one is prefetched
      const Element* next_keys = keys;
      const Element* next_values = values;
      if (position + kGranule < tile.end) {
        const int next = position + kGranule;
        const int64_t next_base =
            kv_tile_offset(table[next / block_size], tile.kv_head, arguments.kv_heads, block_size, head_dim);
        next_keys =
            static_cast<const Element*>(arguments.key_cache) + next_base + key_offset(next % block_size, head_dim);
        next_values =
            static_cast<const Element*>(arguments.value_cache) + next_base + value_offset(next % block_size, head_dim);
      }
      for (int i = 0; i < kGranule * head_dim; i += kLanes) {
        load_lanes(keys + i).store(key_out + i);
        __builtin_prefetch(next_keys + i);
      }
      for (int i = 0; i < kGranule * width; i += kLanes) {
        load_lanes(values + i).store(value_out + i);
        __builtin_prefetch(next_values + i);
      }
      key += kGranule;
      continue;
    }
    for (int d = 0; d < head_dim; d++) key_out[d * kGranule] = read_element(keys + int64_t(d) * kGranule);
    for (int i = 0; i < width; i += kLanes) load_lanes(values + i).store(value_out + i);
    key++;
  }
}

// The addresses of the chunk's granules that hold keys of the tile; null for the others.
template <typename Element>
ChunkPointers<Element> find_chunk(const AttentionArguments& arguments, const Tile& tile, int origin) {
  ChunkPointers<Element> chunk = {};
  const int head_dim = arguments.head_dim;
  const int block_size = arguments.block_size;
  const int* table = arguments.block_tables + int64_t(tile.request) * arguments.max_blocks;
  const int end = smaller(tile.end - origin, kChunk);
  for (int key = larger(tile.begin - origin, 0) / kGranule * kGranule; key < end; key += kGranule) {
    const int block = (origin + key) / block_size;
    const int token = (origin + key) - block * block_size;
    const int64_t base = kv_tile_offset(table[block], tile.kv_head, arguments.kv_heads, block_size, head_dim);
    chunk.keys[key / kGranule] = static_cast<const Element*>(arguments.key_cache) + base + key_offset(token, head_dim);
    chunk.values[key / kGranule] =
        static_cast<const Element*>(arguments.value_cache) + base + value_offset(token, head_dim);
  }
  return chunk;
}

// The states of a tile's rows over one split, from scratch.
template <typename Element>
void attend_split(const AttentionArguments& arguments, const Tile& tile, const TileWork& work, int split,
                  float* states) {
  const int head_dim = arguments.head_dim;
  const int64_t stride = state_stride(head_dim);
  for (int row = 0; row < tile.rows; row++) {
    float* state = states + row * stride;
    for (int i = 0; i < stride - kLanes; i += kLanes) F32x16::zero().store(state + i);
    state[stride - kLanes] = -__builtin_inff();
  }
  const int start = larger(split * kSplit, tile.begin / kChunk * kChunk);
  const int stop = smaller((split + 1) * kSplit, tile.end);
  if (arguments.block_size % kGranule != 0 || (sizeof(Element) == 2 && tile.rows >= kConvertRows)) {
    ChunkPointers<float> chunk;
    for (int g = 0; g < kChunkGranules; g++) {
      chunk.keys[g] = work.keys + int64_t(g) * kGranule * head_dim;
      chunk.values[g] = work.values + int64_t(g) * kGranule * padded(head_dim);
    }
    for (int origin = start; origin < stop; origin += kChunk) {
      copy_chunk<Element>(arguments, tile, work, origin, larger(tile.begin - origin, 0),
                          smaller(tile.end - origin, kChunk));
      attend_chunk(work, chunk, chunk.values, origin, head_dim, states);
    }
    return;
  }
  ChunkPointers<Element> chunk = find_chunk<Element>(arguments, tile, start);
  for (int origin = start; origin < stop; origin += kChunk) {
    const ChunkPointers<Element> next = find_chunk<Element>(arguments, tile, origin + kChunk);
    const Element* ahead[kChunkGranules];
    for (int g = 0; g < kChunkGranules; g++) ahead[g] = next.keys[g] ? next.keys[g] : chunk.values[g];
    attend_chunk(work, chunk, ahead, origin, head_dim, states);
    chunk = next;
  }
}

// Adds one split's state of a row that sees keys [begin, end) to the row's state. A split without a key of the row is
// skipped, and the first one is copied.
inline void merge_state(int split, int begin, int end, const float* next, int head_dim, float* state) {
  if (end <= split * kSplit || begin >= (split + 1) * kSplit) return;
  if (split == begin / kSplit) {
    std::memcpy(state, next, size_t(state_stride(head_dim)) * sizeof(float));
    return;
  }
  const int width = padded(head_dim);
  const float next_m = next[width + kLanes];
  const float m = state[width + kLanes];
  const float highest = next_m > m ? next_m : m;
  const F32x16 keep = exp2_of_negative(F32x16::broadcast(m) - F32x16::broadcast(highest));
  const F32x16 add = exp2_of_negative(F32x16::broadcast(next_m) - F32x16::broadcast(highest));
  for (int i = 0; i < width + kLanes; i += kLanes) {
    fma(F32x16::load(next + i), add, F32x16::load(state + i) * keep).store(state + i);
  }
  state[width + kLanes] = highest;
}

// output = o / l.
inline void write_output(const float* state, int head_dim, float* output) {
  const F32x16 inverse = F32x16::broadcast(1.0f / sum(F32x16::load(state + padded(head_dim))));
  int i = 0;
  for (; i + kLanes <= head_dim; i += kLanes) (F32x16::load(state + i) * inverse).store(output + i);
  if (const int rest = head_dim - i) store_tail(F32x16::load(state + i) * inverse, output + i, rest);
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
