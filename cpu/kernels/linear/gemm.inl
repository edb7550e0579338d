// Linear for many rows (prefill): bound by arithmetic, so everything an FMA reads comes from the near caches.
//
// First all workers pack the input rows for the register tiles (packed_input.inl). A task then takes one block of rows
// and some panels. For each block of inputs, whose packed rows stay in the second-level cache, and for each panel one
// register tile of rows after the other runs over the block. The first tile converts the panel's weights to F32 and
// leaves them in the worker's scratch for the others; the arithmetic hides the conversion and its stores. Meanwhile the
// next panel's weights and the tile's outputs are prefetched, a few lines at a time: a core can have few misses to
// memory in flight, and the arithmetic's own misses need some of them.
#pragma once

#include <type_traits>

#include "cpu/kernels/common/scratch.inl"
#include "cpu/kernels/linear/gemm_scratch.inl"
#include "cpu/kernels/linear/panels.inl"
#include "cpu/kernels/linear/partition.inl"
#include "cpu/kernels/quantized/expand_blocks.inl"

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
// Inputs between prefetches.
inline constexpr int kPrefetchDepth = 16;
// Inputs per iteration of the inner loop: its counters take issue slots from the FMAs.
inline constexpr int kUnrolledDepth = 8;

struct GemmTile {
  const float* input;   // packed, [k][row of the tile]
  const void* weights;  // packed, of the tile's columns: read by the panel's first tile
  float* panel;         // as F32, [k][kTileColumns] in load order: written by the first tile, read by the others
  int depth;
  float* sums;            // of the tile's first row and column, [row][32]
  bool first;             // block of inputs: the sums begin at zero
  const char* ahead;      // weights used next
  int ahead_lines;        // lines of them to prefetch every kPrefetchDepth inputs
  const float* output;    // in the last block of inputs: where the tile's results go, else null
  const float* residual;  // likewise: what is added to them, or null
  size_t columns;         // of both; a row to prefetch every kPrefetchDepth inputs
};

// The tile's weights of one input, in the order in which they load fastest. The sums are in that order too, until
// order_columns().
template <typename Element>
void load_weights(const Element* packed, F32x16 (&weights)[kTileVectors]) {
  if constexpr (kTileVectors == 2) {
    load_columns(packed, weights[0], weights[1]);
  } else {
    weights[0] = load_lanes(packed);
  }
}

template <typename Element>
void order_columns(float* sums, int rows) {
  if constexpr (kTileVectors == 2) {
    for (; rows > 0; rows--, sums += kPanelColumns) {
      F32x16 a = F32x16::load(sums), b = F32x16::load(sums + kLanes);
      in_column_order<Element>(a, b);
      a.store(sums);
      b.store(sums + kLanes);
    }
  }
}

template <typename Element, bool kConvert, int R>
void multiply_tile(const GemmTile& tile) {
  F32x16 sums[R][kTileVectors];
#pragma GCC unroll 16
  for (int row = 0; row < R; row++) {
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; v++) {
      sums[row][v] = tile.first ? F32x16::zero() : F32x16::load(tile.sums + row * kPanelColumns + v * kLanes);
    }
  }
  const float* inputs = tile.input;
  const Element* packed = static_cast<const Element*>(tile.weights);
  float* panel = tile.panel;
  const char* ahead = tile.ahead;
  const auto multiply_input = [&]() __attribute__((always_inline)) {
    F32x16 weights[kTileVectors];
    if constexpr (kConvert) load_weights(packed, weights);
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; v++) {
      if constexpr (kConvert) {
        weights[v].store(panel + v * kLanes);
      } else {
        weights[v] = F32x16::load(panel + v * kLanes);
      }
    }
#pragma GCC unroll 16
    for (int row = 0; row < R; row++) {
      const F32x16 x = F32x16::broadcast(inputs[row]);
#pragma GCC unroll 2
      for (int v = 0; v < kTileVectors; v++) sums[row][v] = fma(x, weights[v], sums[row][v]);
    }
    inputs += R;
    packed += kPanelColumns;
    panel += kTileColumns;
  };
  int k = 0;
  int row_ahead = tile.output != nullptr ? 0 : R;
  for (; k + kUnrolledDepth <= tile.depth; k += kUnrolledDepth) {
    if (k % kPrefetchDepth == 0) {
      for (int line = 0; line < tile.ahead_lines; line++, ahead += 64) __builtin_prefetch(ahead, 0, 3);
      if (row_ahead < R) {
        const size_t at = size_t(row_ahead++) * tile.columns;
        __builtin_prefetch(tile.output + at, 1, 3);
        __builtin_prefetch(tile.output + at + kLanes, 1, 3);
        if (tile.residual != nullptr) {
          __builtin_prefetch(tile.residual + at, 0, 3);
          __builtin_prefetch(tile.residual + at + kLanes, 0, 3);
        }
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kUnrolledDepth; i++) multiply_input();
  }
  for (; k < tile.depth; k++) multiply_input();
#pragma GCC unroll 16
  for (int row = 0; row < R; row++) {
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; v++) {
      sums[row][v].store(tile.sums + row * kPanelColumns + v * kLanes);
    }
  }
}

using TileFunction = void (*)(const GemmTile&);

// The instance for `rows`, in [1, R].
template <typename Element, bool kConvert, int R>
TileFunction tile_function(int rows) {
  if constexpr (R > 1) {
    if (rows < R) return tile_function<Element, kConvert, R - 1>(rows);
  }
  return multiply_tile<Element, kConvert, R>;
}

// In place of an element type: weights of quantized blocks, which are expanded to F32 before the first tile.
struct Blocks {
  uint8_t byte;
};

// One call: how it is cut, and the work of its tasks.
template <typename Element>
struct Gemm {
  static constexpr bool kBlocks = std::is_same_v<Element, Blocks>;
  static constexpr int kInputStep = kBlocks ? kStepColumns : 1;

  const LinearArguments& arguments;
  LinearOutput output;
  float* packed;
  int panels;
  int row_blocks;
  int depth_blocks;

  Gemm(const LinearArguments& a, float* packed_memory)
      : arguments(a),
        output{a.bias, a.residual, a.output, size_t(a.weight.rows)},
        packed(packed_memory),
        panels(panel_count(a.weight)),
        row_blocks(ceil_divide(a.rows, kBlockRows)),
        depth_blocks(ceil_divide(a.weight.columns, kBlockDepth)) {}

  // Most panels of one task: as many as there is scratch memory for their sums.
  int longest_task() const {
    const int fitting = kSumFloats / (kPanelColumns * ceil_divide(arguments.rows, row_blocks));
    return fitting < 64 ? fitting : 64;
  }

  // Block `block` of inputs.
  EvenPart inputs_of(int block) const {
    EvenPart inputs(arguments.weight.columns / kInputStep, depth_blocks, block);
    inputs.start *= kInputStep;
    inputs.size *= kInputStep;
    return inputs;
  }

  const Element* weights(int panel, int input) const {
    if (kBlocks) return nullptr;
    const size_t line = size_t(panel) * size_t(arguments.weight.columns) + size_t(input);
    return static_cast<const Element*>(arguments.weight.data) + line * kPanelColumns;
  }

  // The packed rows of the tile that begins at `row`, for one block of inputs.
  float* packed_tile(int row, EvenPart inputs) const {
    return packed + size_t(inputs.start) * size_t(arguments.rows) + size_t(row) * size_t(inputs.size);
  }

  int pack_tasks() const { return row_blocks * most_tiles(); }
  int most_tiles() const { return ceil_divide(ceil_divide(arguments.rows, row_blocks), kTileRows); }

  // Packs one tile's rows, for all blocks of inputs.
  void pack_rows(int task) const {
    const EvenPart rows(arguments.rows, row_blocks, task / most_tiles());
    const int tiles = ceil_divide(rows.size, kTileRows);
    if (task % most_tiles() >= tiles) return;
    const EvenPart part(rows.size, tiles, task % most_tiles());
    const int row = rows.start + part.start;
    const size_t stride = size_t(arguments.weight.columns);
    for (int block = 0; block < depth_blocks; block++) {
      const EvenPart inputs = inputs_of(block);
      const float* from = arguments.input + size_t(row) * stride + size_t(inputs.start);
      interleave_rows(from, stride, part.size, inputs.size, packed_tile(row, inputs));
    }
  }

  static TileFunction multiply(int tile, int rows) {
    if constexpr (!kBlocks) {
      if (tile == 0) return tile_function<Element, true, kTileRows>(rows);
    }
    return tile_function<float, false, kTileRows>(rows);
  }

  // A panel's weights of a block of inputs as F32.
  void expand(int panel, const EvenPart& inputs, float* values) const {
    const PackedWeight& weight = arguments.weight;
    const BlockFormat& format = block_format(weight.source.blocks);
    const uint8_t* packed = static_cast<const uint8_t*>(weight.data) + size_t(panel) * block_panel_bytes(weight);
    with_codes(weight.source.blocks,
               [&]<typename C>() { expand_panel<C>(format, packed, inputs.start, inputs.size, kTileColumns, values); });
  }

  // Panels [first, end) of one block of rows. `following`: the panel that this worker takes next, or -1.
  void run(GemmScratch& scratch, int row_block, int first, int end, int following) const {
    const EvenPart rows(arguments.rows, row_blocks, row_block);
    const int tiles = ceil_divide(rows.size, kTileRows);
    for (int block = 0; block < depth_blocks; block++) {
      const EvenPart inputs = inputs_of(block);
      GemmTile tile;
      tile.depth = inputs.size;
      tile.first = block == 0;
      const bool last = block + 1 == depth_blocks;
      const int panel_lines = ceil_divide(inputs.size * kPanelColumns * int(sizeof(Element)), 64);
      const int prefetches = ceil_divide(inputs.size, kPrefetchDepth) * tiles * (2 / kTileVectors);
      for (int panel = first; panel < end; panel++) {
        const Element* next = panel + 1 < end  ? weights(panel + 1, inputs.start)
                              : !last          ? weights(first, inputs.start + inputs.size)
                              : following >= 0 ? weights(following, 0)
                                               : nullptr;
        tile.ahead = reinterpret_cast<const char*>(next);
        const char* ahead_end = next != nullptr ? tile.ahead + size_t(panel_lines) * 64 : nullptr;
        if constexpr (kBlocks) expand(panel, inputs, scratch.panel);
        float* panel_sums = scratch.sums + (panel - first) * rows.size * kPanelColumns;
        for (int column = 0; column < kPanelColumns; column += kTileColumns) {
          tile.weights = weights(panel, inputs.start) + column;
          tile.panel = scratch.panel + column * inputs.size;
          for (int t = 0; t < tiles; t++) {
            const EvenPart part(rows.size, tiles, t);
            tile.input = packed_tile(rows.start + part.start, inputs);
            tile.sums = panel_sums + part.start * kPanelColumns + column;
            tile.ahead_lines = next != nullptr && tile.ahead < ahead_end ? ceil_divide(panel_lines, prefetches) : 0;
            const size_t row = size_t(rows.start + part.start);
            const size_t output_column = size_t(panel) * kPanelColumns + size_t(column);
            const size_t at = row * output.columns + output_column;
            tile.output = last ? output.output + at : nullptr;
            const bool apart = output.residual != nullptr && output.residual != output.output;
            tile.residual = apart ? output.residual + at : nullptr;
            tile.columns = output.columns;
            multiply(t, part.size)(tile);
            if (last) {
              order_columns<Element>(tile.sums, part.size);
              output.store(tile.sums, part.size, row, output_column, kTileColumns);
            }
            if (next == nullptr) continue;
            tile.ahead += size_t(tile.ahead_lines) * size_t(ceil_divide(inputs.size, kPrefetchDepth)) * 64;
          }
        }
      }
    }
  }
};

template <typename Element>
bool gemm(const LinearArguments& arguments, ThreadPool& pool, Fault& fault) {
  const size_t packed_bytes = size_t(arguments.rows) * size_t(arguments.weight.columns) * sizeof(float);
  float* packed = packed_input_memory().reserve(packed_bytes);
  if (packed == nullptr) return fail_memory(fault, "linear", packed_bytes);
  const Gemm<Element> call(arguments, packed);
  pool.run(call.pack_tasks(), [&](int task, int) { call.pack_rows(task); });

  const auto run = [&](GemmScratch& scratch, int row_block, int first, int end, int following) {
    call.run(scratch, row_block, first, end, following);
  };
  return run_panels<GemmScratch>(pool, call.panels, call.row_blocks, call.longest_task(), run, fault);
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
