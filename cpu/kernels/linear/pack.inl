// Fills rows of a packed weight (weight_layout.h).
#pragma once

#include "cpu/kernels/common/simd.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/linear/packed_layout.inl"
#include "cpu/kernels/quantized/pack_blocks.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// Rows of a weight within one panel.
struct PanelRows {
  int panel;
  int first;  // within the panel
  int end;
};

// The rows of `arguments` in the panel with index `task`, counted from the first that has any.
inline PanelRows panel_rows(const RowOrder& rows, int task) {
  const int panel = rows.first / kPanelColumns + task;
  const int before = panel * kPanelColumns;
  const int end = rows.first + rows.count - before;
  return {panel, rows.first > before ? rows.first - before : 0, end < kPanelColumns ? end : kPanelColumns};
}

inline int panels_of(const RowOrder& rows) {
  return (rows.first + rows.count + kPanelColumns - 1) / kPanelColumns - rows.first / kPanelColumns;
}

inline const uint8_t* source_row(const PackArguments& arguments, int row) {
  const int64_t bytes = row_bytes(arguments.weight.source, arguments.weight.columns);
  return static_cast<const uint8_t*>(arguments.source) + arguments.rows.source_of(row) * bytes;
}

// Scatters rows of one panel. Inputs are taken in blocks, so that the panel lines of a block stay in the first-level
// cache for all its rows.
template <typename Layout>
void pack_panel(const PackArguments& arguments, const PanelRows& rows) {
  using Word = typename Layout::Word;
  constexpr int kBlock = 128;
  const int columns = arguments.weight.columns;
  const size_t panel_words = panel_bytes(arguments.weight) / sizeof(Word);
  Word* panel = static_cast<Word*>(arguments.weight.data) + size_t(rows.panel) * panel_words;
  for (int start = 0; start < columns; start += kBlock) {
    const int end = start + kBlock < columns ? start + kBlock : columns;
    for (int lane = rows.first; lane < rows.end; lane++) {
      const uint8_t* from = source_row(arguments, rows.panel * kPanelColumns + lane) + size_t(start) * sizeof(Word);
      for (int k = start; k < end; k++, from += sizeof(Word))
        std::memcpy(panel + Layout::at(lane, k), from, sizeof(Word));
    }
  }
}

// The same for rows of blocks.
inline void pack_block_rows(const PackArguments& arguments, const PanelRows& rows) {
  for (int row = rows.panel * kPanelColumns + rows.first; row < rows.panel * kPanelColumns + rows.end; row++) {
    pack_block_row(arguments.weight, row, source_row(arguments, row));
  }
}

inline bool pack(const PackArguments& arguments, ThreadPool& pool, Fault&) {
  if (arguments.rows.count == 0) return true;
  pool.run(panels_of(arguments.rows), [&](int task, int) {
    const PanelRows rows = panel_rows(arguments.rows, task);
    if (arguments.weight.source.blocks != BlockType::none) return pack_block_rows(arguments, rows);
    switch (arguments.weight.dtype) {
      case Dtype::f32:
        return pack_panel<PackedLayout<float>>(arguments, rows);
      case Dtype::f16:
        return pack_panel<PackedLayout<F16>>(arguments, rows);
      case Dtype::bf16:
        return pack_panel<PackedLayout<Bf16>>(arguments, rows);
    }
  });
  return true;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
