// Linear for BF16 weights on tile registers: F32 results from BF16 products (amx_terms.inl). That takes three products
// per weight instead of one, and is still several times as fast as vector registers. An input that is rounded to BF16
// has one term.
//
// First all workers split the input rows into terms, laid out for the tiles. A task then takes one block of rows and
// some panels, block of inputs by block of inputs, so that its part of the terms stays in the second-level cache. Every
// sum stays in its tile element and takes its products 32 inputs at a time, in ascending order, for any number of rows:
// one row (decode) goes through the same instructions as a thousand (prefill), and gets the same bits.
#pragma once

#include "cpu/kernels/linear/amx_terms.inl"
#include "cpu/kernels/linear/amx_tiles.h"
#include "cpu/kernels/linear/gemm_scratch.inl"
#include "cpu/kernels/linear/packed_layout.inl"
#include "cpu/kernels/linear/panels.inl"
#include "cpu/kernels/linear/partition.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// A group of rows: two tiles high, which with the two halves of a panel makes four tiles of sums at a time.
inline constexpr int kGroupRows = 2 * kTileRegisterRows;
// Most groups of a block of rows.
inline constexpr int kBlockGroups = 6;
// The terms of a block of rows and inputs stay in the second-level cache.
inline constexpr size_t kBlockTermBytes = size_t(1200) << 10;
// How far ahead a worker prefetches: from memory into the second-level cache, which can have more misses in flight
// (when it takes a panel in one pass; else it prefetches the next panel while it works on this one), and from there
// into the first.
inline constexpr size_t kFarBytes = 16384;
inline constexpr size_t kNearBytes = 4096;
// How often a tile of inputs prefetches per term: a few lines at a time, because a burst would delay the loads after
// it.
inline constexpr int kTermPrefetches = 2;

struct AmxScratch {
  alignas(64) float sums[kSumFloats];  // [panel of the task][row][column]
};

// Four tiles of sums: a group of rows x a panel, over a block of inputs.
struct AmxTile {
  const uint8_t* terms;    // [tile of inputs][term][row of the group][32]
  size_t term_bytes;       // of one term of the group's rows
  const uint8_t* weights;  // of the panel
  int depth;               // tiles of inputs
  float* sums;             // [row][32]; read and written up to a whole number of tiles
  bool first;              // block of inputs: the sums begin at zero
  const uint8_t* ahead;    // weights used next, or null
  size_t ahead_bytes;      // bytes of them to prefetch per tile of inputs
};

// kTall: two tiles of rows, else one.
template <int kTerms, bool kTall>
void multiply_amx(const AmxTile& tile) {
  constexpr int kPrefetches = kTermPrefetches * kTerms;
  constexpr size_t kSumBytes = kPanelColumns * sizeof(float);
  float* low = tile.sums;
  float* high = tile.sums + kTileRegisterRows * kPanelColumns;
  if (tile.first) {
    tile_zero<0>();
    tile_zero<1>();
    if constexpr (kTall) {
      tile_zero<2>();
      tile_zero<3>();
    }
  } else {
    tile_load<0>(low, kSumBytes);
    tile_load<1>(low + kLanes, kSumBytes);
    if constexpr (kTall) {
      tile_load<2>(high, kSumBytes);
      tile_load<3>(high + kLanes, kSumBytes);
    }
  }
  const uint8_t* terms = tile.terms;
  const uint8_t* weights = tile.weights;
  const int far_lines = ceil_divide(int(tile.ahead_bytes / kLineBytes), kPrefetches);
  for (int k = 0; k < tile.depth; k++, weights += kWeightTileBytes) {
    const uint8_t* far = tile.ahead + size_t(k) * tile.ahead_bytes;
    const uint8_t* near = weights + kNearBytes;
    const auto prefetch = [&]() __attribute__((always_inline)) {
      for (int line = 0; line < far_lines; line++, far += kLineBytes) __builtin_prefetch(far, 0, 2);
#pragma GCC unroll 6
      for (size_t line = 0; line < kWeightTileBytes / kPrefetches; line += kLineBytes) {
        __builtin_prefetch(near, 0, 3);
        near += kLineBytes;
      }
    };
    tile_load<4>(weights, 2 * kLineBytes);
    tile_load<5>(weights + kLineBytes, 2 * kLineBytes);
#pragma GCC unroll 3
    for (int term = 0; term < kTerms; term++, terms += tile.term_bytes) {
      prefetch();
      tile_load<6>(terms, kLineBytes);
      tile_multiply<0, 6, 4>();
      prefetch();
      tile_multiply<1, 6, 5>();
      if constexpr (kTall) {
        tile_load<7>(terms + kTileRegisterRows * kLineBytes, kLineBytes);
        tile_multiply<2, 7, 4>();
        tile_multiply<3, 7, 5>();
      }
    }
  }
  tile_store<0>(low, kSumBytes);
  tile_store<1>(low + kLanes, kSumBytes);
  if constexpr (kTall) {
    tile_store<2>(high, kSumBytes);
    tile_store<3>(high + kLanes, kSumBytes);
  }
}

template <int kTerms>
struct AmxBlocks {
  const LinearArguments& arguments;
  uint8_t* terms;  // [group of rows][tile of inputs][term][row of the group][32]
  LinearOutput output;
  int panels;
  int input_tiles;
  int groups;
  int row_blocks;
  int depth_blocks;

  AmxBlocks(const LinearArguments& a, uint8_t* memory)
      : arguments(a), terms(memory), output{a.bias, a.residual, a.output, size_t(a.weight.rows)} {
    panels = panel_count(a.weight);
    input_tiles = int(a.weight.padded_columns / kTileInputs);
    groups = ceil_divide(a.rows, kGroupRows);
    row_blocks = ceil_divide(groups, kBlockGroups);
    const int block_rows = groups == 1 ? a.rows : ceil_divide(groups, row_blocks) * kGroupRows;
    const size_t tile_bytes = size_t(block_rows) * kTerms * kLineBytes;
    depth_blocks = ceil_divide(input_tiles, int(kBlockTermBytes / tile_bytes));
  }

  // A tile load reads 16 rows, present or not; what it reads past the last row only affects sums that are never read.
  static size_t term_bytes(const LinearArguments& a) {
    const size_t slack = kTileRegisterRows * kLineBytes;
    return size_t(a.rows) * kTerms * size_t(a.weight.padded_columns / kTileInputs) * kLineBytes + slack;
  }

  int group_rows(int group) const {
    const int left = arguments.rows - group * kGroupRows;
    return left < kGroupRows ? left : kGroupRows;
  }

  uint8_t* group_terms(int group, int tile) const {
    const size_t row_bytes = kTerms * kLineBytes;
    return terms + size_t(group) * kGroupRows * row_bytes * size_t(input_tiles) +
           size_t(tile) * size_t(group_rows(group)) * row_bytes;
  }

  void split_row(int row) const {
    const int group = row / kGroupRows;
    const size_t bytes = size_t(group_rows(group)) * kLineBytes;
    const int columns = arguments.weight.columns;
    const float* input = arguments.input + size_t(row) * size_t(columns);
    uint8_t* line = group_terms(group, 0) + size_t(row % kGroupRows) * kLineBytes;
    for (int tile = 0; tile < input_tiles; tile++, line += kTerms * bytes) {
      TileInputs inputs = load_inputs(input + tile * kTileInputs, columns - tile * kTileInputs);
      if constexpr (kTerms == 1) {
        _mm512_storeu_si512(line, to_bf16_line(rounded(inputs)));
      } else {
        for (int term = 0; term < kTerms; term++) {
          _mm512_storeu_si512(line + size_t(term) * bytes, to_bf16_line(next_term(inputs)));
        }
      }
    }
  }

  // Most panels of one task: as many as there is scratch memory for their sums. With one block of inputs, panels reuse
  // it.
  int longest_task() const {
    if (depth_blocks == 1) return panels;
    return kSumFloats / (ceil_divide(groups, row_blocks) * kGroupRows * kPanelColumns);
  }

  const uint8_t* weights(int panel, int tile) const {
    return static_cast<const uint8_t*>(arguments.weight.data) + size_t(panel) * panel_bytes(arguments.weight) +
           size_t(tile) * kWeightTileBytes;
  }

  // Panels [first, end) of one block of rows. `following`: the panel that this worker takes next, or -1.
  void run(AmxScratch& scratch, int row_block, int first, int end, int following) const {
    const EvenPart block_groups(groups, row_blocks, row_block);
    const int panel_floats = depth_blocks == 1 ? 0 : block_groups.size * kGroupRows * kPanelColumns;
    for (int block = 0; block < depth_blocks; block++) {
      const EvenPart inputs(input_tiles, depth_blocks, block);
      const bool last = block + 1 == depth_blocks;
      for (int panel = first; panel < end; panel++) {
        const uint8_t* next = panel + 1 < end  ? weights(panel + 1, inputs.start)
                              : !last          ? weights(first, inputs.start + inputs.size)
                              : following >= 0 ? weights(following, 0)
                                               : nullptr;
        float* sums = scratch.sums + (panel - first) * panel_floats;
        AmxTile tile;
        tile.weights = weights(panel, inputs.start);
        tile.depth = inputs.size;
        tile.first = block == 0;
        tile.ahead = block_groups.size == 1 ? tile.weights + kFarBytes : next;
        tile.ahead_bytes =
            tile.ahead == nullptr
                ? 0
                : size_t(ceil_divide(int(kWeightTileBytes / kLineBytes), block_groups.size)) * kLineBytes;
        for (int g = 0; g < block_groups.size; g++) {
          const int group = block_groups.start + g;
          const int rows = group_rows(group);
          tile.terms = group_terms(group, inputs.start);
          tile.term_bytes = size_t(rows) * kLineBytes;
          tile.sums = sums + g * kGroupRows * kPanelColumns;
          rows > kTileRegisterRows ? multiply_amx<kTerms, true>(tile) : multiply_amx<kTerms, false>(tile);
          if (tile.ahead != nullptr) tile.ahead += size_t(inputs.size) * tile.ahead_bytes;
          if (last) {
            output.store(tile.sums, rows, size_t(group) * kGroupRows, size_t(panel) * kPanelColumns, kPanelColumns);
          }
        }
      }
    }
  }
};

template <int kTerms>
bool linear_amx_terms(const LinearArguments& arguments, ThreadPool& pool, Fault& fault) {
  if (arguments.rows == 0) return true;
  const size_t term_bytes = AmxBlocks<kTerms>::term_bytes(arguments);
  float* packed = packed_input_memory().reserve(term_bytes);
  if (packed == nullptr) return fail_memory(fault, "linear", term_bytes);
  const AmxBlocks<kTerms> blocks(arguments, reinterpret_cast<uint8_t*>(packed));
  for_ranges(pool, arguments.rows, grain_of(arguments.weight.columns), [&](int begin, int end) {
    for (int row = begin; row < end; row++) blocks.split_row(row);
  });

  const auto run = [&](AmxScratch& scratch, int row_block, int first, int end, int following) {
    const TileRegisters tiles(arguments.rows);
    blocks.run(scratch, row_block, first, end, following);
  };
  return run_panels<AmxScratch>(pool, blocks.panels, blocks.row_blocks, blocks.longest_task(), run, fault);
}

inline bool linear_amx(const LinearArguments& arguments, ThreadPool& pool, Fault& fault) {
  return arguments.weight.input == InputType::bf16 ? linear_amx_terms<1>(arguments, pool, fault)
                                                   : linear_amx_terms<kExactTerms>(arguments, pool, fault);
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
