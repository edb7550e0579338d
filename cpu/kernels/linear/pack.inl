// Fills rows of a packed weight (weight_layout.h).
#pragma once

#include "cpu/kernels/common/simd.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/linear/packed_layout.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// Scatters rows [first, first + count) of one panel; `source` is where they start, row-major. Inputs are taken in
// blocks, so that the panel lines of a block stay in the first-level cache for all its rows.
template <typename Layout>
void pack_panel_rows(typename Layout::Word* panel, const uint8_t* source, int first, int count, int columns) {
  using Word = typename Layout::Word;
  constexpr int kBlock = 128;
  for (int start = 0; start < columns; start += kBlock) {
    const int end = start + kBlock < columns ? start + kBlock : columns;
    for (int row = 0; row < count; row++) {
      const uint8_t* from = source + (size_t(row) * columns + start) * sizeof(Word);
      for (int k = start; k < end; k++, from += sizeof(Word)) {
        std::memcpy(panel + Layout::at(first + row, k), from, sizeof(Word));
      }
    }
  }
}

template <typename Layout>
void pack_words(const PackArguments& arguments, ThreadPool& pool) {
  using Word = typename Layout::Word;
  const int columns = arguments.weight.columns;
  const size_t panel_words = panel_bytes(arguments.weight) / sizeof(Word);
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
    pack_panel_rows<Layout>(packed + size_t(panel) * panel_words,
                            source + size_t(begin - first_row) * columns * sizeof(Word), begin - panel_row, end - begin,
                            columns);
  });
}

inline bool pack(const PackArguments& arguments, ThreadPool& pool, Fault&) {
  if (arguments.row_count == 0) return true;
  switch (arguments.weight.dtype) {
    case Dtype::f32:
      pack_words<PackedLayout<float>>(arguments, pool);
      return true;
    case Dtype::f16:
      pack_words<PackedLayout<F16>>(arguments, pool);
      return true;
    case Dtype::bf16:
      pack_words<PackedLayout<Bf16>>(arguments, pool);
      return true;
  }
  return false;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
