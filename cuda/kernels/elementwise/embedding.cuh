// Rows of a weight matrix, as F32.
//
// Memory access: a row is contiguous, so a block copies it from end to end, consecutive threads consecutive elements.
#pragma once

#include "cuda/kernels/common/elements.cuh"
#include "cuda/kernels/common/fault.cuh"
#include "cuda/kernels/kernels.h"

namespace upbeat {

inline constexpr int kEmbeddingThreads = 128;

template <typename Element>
__global__ void __launch_bounds__(kEmbeddingThreads) embedding_kernel(EmbeddingArguments arguments, FaultSlot faults) {
  begin_kernel();
  if (faulted(faults)) return;
  const int row = int(blockIdx.x);
  const PackedWeight& weight = arguments.weight;
  const int32_t token = Global<const int32_t>(arguments.tokens)[row];
  if (token >= weight.rows) {
    if (threadIdx.x == 0) raise_fault(faults, FaultKind::embedding_token, token, row, weight.rows);
    return;
  }
  const Global<float> output = Global<float>(arguments.output) + int64_t(row) * weight.columns;
  const Global<const Element> source = static_cast<const Element*>(weight.data);
  for (int i = int(threadIdx.x); i < weight.columns; i += kEmbeddingThreads) {
    output[i] = token < 0 ? 0.0f : to_f32(Element(source[token * weight.padded_columns + i]));
  }
}

}  // namespace upbeat
