// Linear for few rows (decode): bound by reading the weights, so every weight is read from memory once, in one long
// stream per worker, and converted in registers. More rows than one tile holds take several passes over a panel, the
// later ones from the second-level cache; each pass prefetches its part of the next panel, so that memory is never
// idle.
#pragma once

#include "cpu/kernels/linear/partition.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// Most rows of a tile: its sums, two F32x16 a row, and the weights stay in registers.
#if defined(UPBEAT_KERNELS_AVX512)
inline constexpr int kGemvTileRows = 14;
#elif defined(UPBEAT_KERNELS_AVX2)
inline constexpr int kGemvTileRows = 3;
#else
inline constexpr int kGemvTileRows = 2;
#endif
// Up to this many passes, each converting the weights again, cost less than GEMM's way through scratch memory.
inline constexpr int kGemvPasses = 3;
inline constexpr int kGemvRows = kGemvPasses * kGemvTileRows;

// How far ahead a worker prefetches when it takes a panel in one pass.
inline constexpr size_t kPrefetchBytes = 4096;

// A tile's place, and what it prefetches: `ahead` advances by `ahead_step` bytes per input.
struct GemvTile {
  int panel;
  int row;
  const char* ahead;
  size_t ahead_step;
};

// R rows x P panels, whose sums stay in registers over all k. Each sum is a chain of dependent FMAs, so with few rows
// several panels are needed to keep the FMA units busy.
template <typename Element, int R, int P>
void multiply_gemv(const LinearArguments& arguments, const LinearOutput& output, const GemvTile& tile) {
  const int columns = arguments.weight.columns;
  const size_t panel_elements = size_t(columns) * kPanelColumns;
  const Element* weights = static_cast<const Element*>(arguments.weight.data) + size_t(tile.panel) * panel_elements;
  const float* input = arguments.input + size_t(tile.row) * size_t(columns);
  const char* ahead = tile.ahead;
  const size_t ahead_step = tile.ahead_step;
  F32x16 sums[P][R][2];
#pragma GCC unroll 16
  for (int p = 0; p < P; p++) {
#pragma GCC unroll 16
    for (int row = 0; row < R; row++) sums[p][row][0] = sums[p][row][1] = F32x16::zero();
  }
  for (int k = 0; k < columns; k++, weights += kPanelColumns, ahead += ahead_step) {
#pragma GCC unroll 16
    for (int p = 0; p < P; p++) {
      __builtin_prefetch(ahead + p * panel_elements * sizeof(Element), 0, 3);
      if (sizeof(Element) == 4) __builtin_prefetch(ahead + p * panel_elements * sizeof(Element) + 64, 0, 3);
      F32x16 w0, w1;
      load_columns(weights + p * panel_elements, w0, w1);
#pragma GCC unroll 16
      for (int row = 0; row < R; row++) {
        const F32x16 x = F32x16::broadcast(input[size_t(row) * columns + k]);
        sums[p][row][0] = fma(x, w0, sums[p][row][0]);
        sums[p][row][1] = fma(x, w1, sums[p][row][1]);
      }
    }
  }
  float finished[P][R][kPanelColumns];
#pragma GCC unroll 16
  for (int p = 0; p < P; p++) {
#pragma GCC unroll 16
    for (int row = 0; row < R; row++) {
      in_column_order<Element>(sums[p][row][0], sums[p][row][1]);
      sums[p][row][0].store(finished[p][row]);
      sums[p][row][1].store(finished[p][row] + kLanes);
    }
  }
  for (int p = 0; p < P; p++) {
    const size_t column = size_t(tile.panel + p) * kPanelColumns;
    output.store(finished[p][0], R, size_t(tile.row), column, kPanelColumns);
  }
}

// A tile on one panel, and the same on as many side by side as fit the registers: several streams read faster from
// memory than one.
struct GemvFunctions {
  using Function = void (*)(const LinearArguments&, const LinearOutput&, const GemvTile&);
  Function one;
  Function several;
  int panels;  // of `several`
};

// Tiles of up to this many rows take two panels.
inline constexpr int kWideTileRows = kGemvTileRows / 2;

// The instances for `rows`, in [1, R].
template <typename Element, int R = kGemvTileRows>
GemvFunctions gemv_functions(int rows) {
  if constexpr (R > 1) {
    if (rows < R) return gemv_functions<Element, R - 1>(rows);
  }
  constexpr int kPanels = R > 1 ? (R <= kWideTileRows ? 2 : 1) : kGemvTileRows < 4 ? kGemvTileRows : 4;
  return {multiply_gemv<Element, R, 1>, multiply_gemv<Element, R, kPanels>, kPanels};
}

// The number of passes for `rows`. For a few rows more than a wide tile has, two passes of wide tiles are faster than
// one of a narrow tile, which pays off only close to its full height.
inline int gemv_passes(int rows) {
  if (rows > kWideTileRows && rows <= 2 * kWideTileRows - 2) return 2;
  return ceil_divide(rows, kGemvTileRows);
}

template <typename Element>
void gemv(const LinearArguments& arguments, ThreadPool& pool) {
  const LinearOutput output = {arguments.bias, arguments.residual, arguments.output, size_t(arguments.weight.rows)};
  const size_t line_bytes = kPanelColumns * sizeof(Element);
  const size_t panel_bytes = line_bytes * size_t(arguments.weight.columns);
  const int passes = gemv_passes(arguments.rows);
  const int widest = gemv_functions<Element>(ceil_divide(arguments.rows, passes)).panels;
  const GuidedRanges ranges(panel_count(arguments.weight), pool.size(), panel_count(arguments.weight));
  pool.run(ranges.count, [&](int task, int) {
    const int end = ranges.starts[task + 1];
    for (int panel = ranges.starts[task]; panel < end;) {
      const int panels = panel + widest <= end ? widest : 1;
      const char* weights = static_cast<const char*>(arguments.weight.data) + size_t(panel) * panel_bytes;
      for (int pass = 0; pass < passes; pass++) {
        const EvenPart part(arguments.rows, passes, pass);
        const GemvFunctions multiply = gemv_functions<Element>(part.size);
        GemvTile tile = {panel, part.start, weights + kPrefetchBytes, line_bytes};
        if (passes > 1) {
          tile.ahead = weights + size_t(panels) * panel_bytes + panel_bytes / size_t(passes) * size_t(pass);
          tile.ahead_step = line_bytes / size_t(passes);
        }
        while (tile.panel < panel + panels) {
          const bool fits = tile.panel + multiply.panels <= panel + panels;
          (fits ? multiply.several : multiply.one)(arguments, output, tile);
          tile.panel += fits ? multiply.panels : 1;
        }
      }
      panel += panels;
    }
  });
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
