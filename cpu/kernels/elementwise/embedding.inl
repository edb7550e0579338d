// Rows of a packed weight, as F32. Tied embeddings share one matrix with the output layer, whose packed layout takes
// precedence: a row is one lane of a panel, so nearly every element is on a cache line of its own. That costs a few
// microseconds per token, while the output layer reads the whole matrix.
#pragma once

#include "cpu/kernels/common/read_element.inl"
#include "cpu/kernels/common/scratch.inl"
#include "cpu/kernels/common/simd.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/linear/packed_layout.inl"
#include "cpu/kernels/linear/weight_layout.h"
#include "cpu/kernels/quantized/pack_blocks.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

template <typename Element>
void embed_row(const PackedWeight& weight, int32_t token, float* output) {
  const Element* panel = static_cast<const Element*>(weight.data) +
                         size_t(token / kPanelColumns) * (panel_bytes(weight) / sizeof(Element));
  const int lane = token % kPanelColumns;
  for (int k = 0; k < weight.columns; k++) output[k] = read_element(panel + PackedLayout<Element>::at(lane, k));
}

inline bool embedding(const EmbeddingArguments& arguments, ThreadPool& pool, Fault& fault) {
  const PackedWeight& weight = arguments.weight;
  for (int32_t row = 0; row < arguments.rows; row++) {
    if (arguments.tokens[row] >= weight.rows) {
      return fail(fault, "embedding: token %d of row %d is outside the matrix of %d rows", int(arguments.tokens[row]),
                  int(row), int(weight.rows));
    }
  }
  pool.run(arguments.rows, [&](int row, int) {
    const int32_t token = arguments.tokens[row];
    float* output = arguments.output + size_t(row) * size_t(weight.columns);
    if (token < 0) {
      std::memset(output, 0, size_t(weight.columns) * sizeof(float));
      return;
    }
    if (weight.source.blocks != BlockType::none) return unpack_block_row(weight, token, output);
    switch (weight.dtype) {
      case Dtype::f32:
        embed_row<float>(weight, token, output);
        break;
      case Dtype::f16:
        embed_row<F16>(weight, token, output);
        break;
      case Dtype::bf16:
        embed_row<Bf16>(weight, token, output);
        break;
    }
  });
  return true;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
