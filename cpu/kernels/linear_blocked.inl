// Linear for many rows (prefill): bound by arithmetic, so everything an FMA reads comes from the near caches.
//
// A task takes one block of rows and some panels. For each block of inputs it copies the rows' slab into its scratch
// (second-level cache), and for each panel one register tile of rows after the other runs over the block. The first tile
// converts the panel's weights to F32 and leaves them in the scratch for the others; conversion and its stores hide
// behind the arithmetic. The next panel's weights and the tile's outputs come in by prefetch meanwhile.
#pragma once

#include "linear_scratch.inl"
#include "linear_tile.inl"
#include "scratch.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// A tile is up to kTileRows x kTileVectors * 16 sums in registers: as many as leave room for the weights and one input.
#if defined(UPBEAT_KERNELS_AVX512)
inline constexpr int kTileRows = 14;
inline constexpr int kTileVectors = 2;
#elif defined(UPBEAT_KERNELS_AVX2) || defined(UPBEAT_KERNELS_NEON)
inline constexpr int kTileRows = 6;
inline constexpr int kTileVectors = 1;
#else
inline constexpr int kTileRows = 2;
inline constexpr int kTileVectors = 1;
#endif
inline constexpr int kTileColumns = kTileVectors * kLanes;
// Between prefetches.
inline constexpr int kPrefetchDepth = 16;

struct LinearTile {
  const float* slab;   // of the tile's first row
  const void* weights;  // packed, of the tile's columns: read by the panel's first tile
  float* panel;         // the same as F32, [k][kTileColumns]: written by the first tile, read by the others
  int depth;
  float* sums;         // of the tile's first row and column, [row][32]
  bool first;          // block of inputs: the sums begin at zero
  const char* ahead;   // weights to come
  int ahead_lines;     // of them to prefetch every kPrefetchDepth inputs
};

template <typename Element, bool kConvert, int R>
void multiply_tile(const LinearTile& tile) {
  F32x16 sums[R][kTileVectors];
#pragma GCC unroll 16
  for (int row = 0; row < R; row++) {
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; v++) {
      sums[row][v] = tile.first ? F32x16::zero() : F32x16::load(tile.sums + row * kPanelColumns + v * kLanes);
    }
  }
  const float* input = tile.slab;
  const Element* packed = static_cast<const Element*>(tile.weights);
  float* panel = tile.panel;
  const char* ahead = tile.ahead;
  for (int k = 0; k < tile.depth;) {
    const int end = k + kPrefetchDepth < tile.depth ? k + kPrefetchDepth : tile.depth;
    for (int line = 0; line < tile.ahead_lines; line++, ahead += 64) __builtin_prefetch(ahead, 0, 3);
    for (; k < end; k++, panel += kTileColumns) {
      F32x16 weights[kTileVectors];
#pragma GCC unroll 2
      for (int v = 0; v < kTileVectors; v++) {
        if constexpr (kConvert) {
          weights[v] = load_lanes(packed + k * kPanelColumns + v * kLanes);
          weights[v].store(panel + v * kLanes);
        } else {
          weights[v] = F32x16::load(panel + v * kLanes);
        }
      }
#pragma GCC unroll 16
      for (int row = 0; row < R; row++) {
        const F32x16 x = F32x16::broadcast(input[row * kSlabStride + k]);
#pragma GCC unroll 2
        for (int v = 0; v < kTileVectors; v++) sums[row][v] = fma(x, weights[v], sums[row][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < R; row++) {
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; v++) {
      sums[row][v].store(tile.sums + row * kPanelColumns + v * kLanes);
    }
  }
}

using TileFunction = void (*)(const LinearTile&);

// The instance for `rows`, which is in [1, R].
template <typename Element, bool kConvert, int R>
TileFunction tile_function(int rows) {
  if constexpr (R > 1) {
    if (rows < R) return tile_function<Element, kConvert, R - 1>(rows);
  }
  return multiply_tile<Element, kConvert, R>;
}

// One linear call: how it is cut, and the work of a task.
template <typename Element>
struct LinearBlocks {
  const LinearArguments& arguments;
  LinearOutput output;
  uint64_t call;
  int panels;
  int row_blocks;
  int depth_blocks;

  LinearBlocks(const LinearArguments& a, uint64_t call_number)
      : arguments(a),
        output{a.bias, a.residual, a.output, size_t(a.weight.rows)},
        call(call_number),
        panels(a.weight.panels()),
        row_blocks(ceil_divide(a.rows, kBlockRows)),
        depth_blocks(ceil_divide(a.weight.columns, kBlockDepth)) {}

  // Panels that one task may take, by the room for its sums.
  int longest_task() const {
    const int fitting = kSumFloats / (kPanelColumns * ceil_divide(arguments.rows, row_blocks));
    return fitting < 64 ? fitting : 64;
  }

  const Element* weights(int panel, int input) const {
    const size_t line = size_t(panel) * size_t(arguments.weight.columns) + size_t(input);
    return static_cast<const Element*>(arguments.weight.data) + line * kPanelColumns;
  }

  void fill_slab(LinearScratch& scratch, EvenPart rows, EvenPart inputs) const {
    if (scratch.call == call && scratch.first_row == rows.start && scratch.first_input == inputs.start) return;
    for (int row = 0; row < rows.size; row++) {
      const size_t at = size_t(rows.start + row) * size_t(arguments.weight.columns) + size_t(inputs.start);
      std::memcpy(scratch.slab + row * kSlabStride, arguments.input + at, size_t(inputs.size) * sizeof(float));
    }
    scratch.call = call;
    scratch.first_row = rows.start;
    scratch.first_input = inputs.start;
  }

  static TileFunction multiply(int tile, int rows) {
    if (tile == 0) return tile_function<Element, true, kTileRows>(rows);
    return tile_function<float, false, kTileRows>(rows);
  }

  // Panels [first, end) of one block of rows.
  void run(LinearScratch& scratch, int row_block, int first, int end) const {
    const EvenPart rows(arguments.rows, row_blocks, row_block);
    const int tiles = ceil_divide(rows.size, kTileRows);
    for (int block = 0; block < depth_blocks; block++) {
      const EvenPart inputs(arguments.weight.columns, depth_blocks, block);
      fill_slab(scratch, rows, inputs);
      LinearTile tile;
      tile.depth = inputs.size;
      tile.first = block == 0;
      const bool last = block + 1 == depth_blocks;
      const int panel_lines = ceil_divide(inputs.size * kPanelColumns * int(sizeof(Element)), 64);
      const int prefetches = ceil_divide(inputs.size, kPrefetchDepth) * tiles * (2 / kTileVectors);
      for (int panel = first; panel < end; panel++) {
        const Element* next = panel + 1 < end ? weights(panel + 1, inputs.start)
                              : last          ? nullptr
                                              : weights(first, inputs.start + inputs.size);
        tile.ahead = reinterpret_cast<const char*>(next);
        const char* ahead_end = tile.ahead + size_t(panel_lines) * 64;
        float* panel_sums = scratch.sums + (panel - first) * rows.size * kPanelColumns;
        for (int column = 0; column < kPanelColumns; column += kTileColumns) {
          tile.weights = weights(panel, inputs.start) + column;
          tile.panel = scratch.panel + column * inputs.size;
          for (int t = 0; t < tiles; t++) {
            const EvenPart part(rows.size, tiles, t);
            tile.slab = scratch.slab + part.start * kSlabStride;
            tile.sums = panel_sums + part.start * kPanelColumns + column;
            tile.ahead_lines = next != nullptr && tile.ahead < ahead_end ? ceil_divide(panel_lines, prefetches) : 0;
            const size_t row = size_t(rows.start + part.start);
            const size_t output_column = size_t(panel) * kPanelColumns + size_t(column);
            if (last) output.prefetch(part.size, row, output_column);
            multiply(t, part.size)(tile);
            if (last) output.store(tile.sums, part.size, row, output_column, kTileColumns);
            tile.ahead += size_t(tile.ahead_lines) * size_t(ceil_divide(inputs.size, kPrefetchDepth)) * 64;
          }
        }
      }
    }
  }
};

// The number of a call. Counted over all element types, because a worker's scratch serves them all.
inline uint64_t next_linear_call() {
  static uint64_t calls = 0;
  return __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
}

template <typename Element>
bool linear_blocked(const LinearArguments& arguments, ThreadPool& pool, Fault& fault) {
  const LinearBlocks<Element> blocks(arguments, next_linear_call());
  const GuidedRanges ranges(blocks.panels * blocks.row_blocks, pool.size(), blocks.longest_task());
  bool has_memory = true;
  pool.run(ranges.count, [&](int task, int) {
    LinearScratch* scratch = linear_scratch();
    if (scratch == nullptr) {
      __atomic_store_n(&has_memory, false, __ATOMIC_RELAXED);
      return;
    }
    for (int item = ranges.starts[task]; item < ranges.starts[task + 1];) {
      const int row_block = item / blocks.panels;
      const int first = item % blocks.panels;
      const int left = ranges.starts[task + 1] - item;
      const int end = first + left < blocks.panels ? first + left : blocks.panels;
      blocks.run(*scratch, row_block, first, end);
      item += end - first;
    }
  });
  return has_memory || fail_memory(fault, "linear", sizeof(LinearScratch));
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
