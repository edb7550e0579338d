// Root mean square normalisation (Zhang and Sennrich 2019).
//
// Memory access: a block reads its row twice: from memory for the sum, from the cache for the result. A thread takes
// four consecutive elements, in a 16-byte load where the rows allow it.
//
// Thread i % threads has group i of four elements; a thread adds its squares in ascending order, then the threads add
// as trees. This order depends only on the row's length.
#pragma once

#include "cuda/kernels/common/fault.cuh"
#include "cuda/kernels/common/reduce.cuh"
#include "cuda/kernels/kernels.h"

namespace upbeat {

inline constexpr int kNormThreads = 256;

template <bool Aligned>
__device__ Pack<float, 4> load_four(Global<const float> from, int present) {
  if constexpr (Aligned) {
    return load_pack<4>(from);
  } else {
    Pack<float, 4> four = {};
    for (int i = 0; i < 4; i++) {
      if (i < present) four.v[i] = from[i];
    }
    return four;
  }
}

template <bool Aligned>
__device__ void store_four(Global<float> to, const Pack<float, 4>& four, int present) {
  if constexpr (Aligned) {
    store_pack(to, four);
  } else {
    for (int i = 0; i < 4; i++) {
      if (i < present) to[i] = four.v[i];
    }
  }
}

// Aligned: all rows begin at multiples of 16 bytes and have a multiple of four columns.
template <bool Aligned>
__global__ void __launch_bounds__(kNormThreads) rms_norm_kernel(RmsNormArguments arguments, FaultSlot faults) {
  __shared__ SharedArray<float, kNormThreads / 32> slots;
  begin_kernel();
  if (block_faulted(faults)) return;
  const int columns = arguments.columns;
  const Global<const float> input = Global<const float>(arguments.input) + int64_t(blockIdx.x) * columns;
  const Global<float> output = Global<float>(arguments.output) + int64_t(blockIdx.x) * columns;
  const Global<const float> weight = arguments.weight;
  float sum = 0;
  for (int i = 4 * int(threadIdx.x); i < columns; i += 4 * kNormThreads) {
    const Pack<float, 4> x = load_four<Aligned>(input + i, columns - i);
    for (int j = 0; j < 4; j++) sum = fmaf(x.v[j], x.v[j], sum);
  }
  const float mean = block_sum(sum, slots) / float(columns);
  const float inverse = 1.0f / sqrtf(mean + arguments.epsilon);
  for (int i = 4 * int(threadIdx.x); i < columns; i += 4 * kNormThreads) {
    Pack<float, 4> x = load_four<Aligned>(input + i, columns - i);
    const Pack<float, 4> w = load_four<Aligned>(weight + i, columns - i);
    for (int j = 0; j < 4; j++) x.v[j] = x.v[j] * inverse * w.v[j];
    store_four<Aligned>(output + i, x, columns - i);
  }
}

}  // namespace upbeat
