// Fills rows of a packed weight (the layout is described at PackedWeight).
#pragma once

#include "kernels.h"
#include "simd.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// Scatters rows [first, first + count) of one panel: `source` is their row-major start. Inputs are taken in blocks, so
// that the panel lines a block touches stay in the first-level cache while its rows pass.
template <typename Word>
void pack_panel_rows(Word* panel, const uint8_t* source, int first, int count, int columns) {
  constexpr int kBlock = 128;
  for (int start = 0; start < columns; start += kBlock) {
    const int end = start + kBlock < columns ? start + kBlock : columns;
    for (int row = 0; row < count; row++) {
      const uint8_t* from = source + (size_t(row) * columns + start) * sizeof(Word);
      Word* to = panel + size_t(start) * kPanelColumns + first + row;
      for (int k = start; k < end; k++, from += sizeof(Word), to += kPanelColumns) {
        std::memcpy(to, from, sizeof(Word));
      }
    }
  }
}

template <typename Word>
void pack_words(const PackArguments& arguments, ThreadPool& pool) {
  const int columns = arguments.weight.columns;
  const int first_row = arguments.first_row;
  const int end_row = first_row + arguments.row_count;
  const int first_panel = first_row / kPanelColumns;
  const int end_panel = (end_row + kPanelColumns - 1) / kPanelColumns;
  Word* packed = static_cast<Word*>(arguments.weight.data);
  const uint8_t* source = static_cast<const uint8_t*>(arguments.source);
  pool.run(end_panel - first_panel, [&](int task, int) {
    const int panel = first_panel + task;
    const int panel_row = panel * kPanelColumns;
    const int begin = panel_row > first_row ? panel_row : first_row;
    const int end = panel_row + kPanelColumns < end_row ? panel_row + kPanelColumns : end_row;
    pack_panel_rows(packed + size_t(panel) * kPanelColumns * columns,
                    source + size_t(begin - first_row) * columns * sizeof(Word), begin - panel_row, end - begin,
                    columns);
  });
}

inline bool pack(const PackArguments& arguments, ThreadPool& pool, Fault&) {
  if (arguments.row_count == 0) return true;
  if (dtype_bytes(arguments.weight.dtype) == 4) {
    pack_words<uint32_t>(arguments, pool);
  } else {
    pack_words<uint16_t>(arguments, pool);
  }
  return true;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
