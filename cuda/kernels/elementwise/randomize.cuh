// Random weights, as abi/loading/random_weight.h defines them.
//
// Memory access: writes only. A thread computes four consecutive elements of a row from one block of the generator and
// stores them together; past the last column it stores the zeros of the padding.
#pragma once

#include "abi/loading/random_weight.h"
#include "cuda/kernels/common/elements.cuh"
#include "cuda/kernels/common/fault.cuh"
#include "cuda/kernels/kernels.h"

namespace upbeat {

inline constexpr int kRandomizeThreads = 256;

template <typename Element>
__device__ Element random_element(float value) {
  if constexpr (std::is_same_v<Element, Bf16>) {
    return Bf16{round_to_bf16(value)};
  } else if constexpr (std::is_same_v<Element, F16>) {
    return F16{round_to_f16(value)};
  } else {
    return value;
  }
}

template <typename Element>
__global__ void __launch_bounds__(kRandomizeThreads) randomize_kernel(RandomizeArguments arguments, FaultSlot faults) {
  begin_kernel();
  if (faulted(faults)) return;
  const PackedWeight& weight = arguments.weight;
  const RandomWeightArguments& random = arguments.random;
  const Global<Element> elements = static_cast<Element*>(weight.data);
  const int64_t row_blocks = (int64_t(weight.columns) + kRandomColumns - 1) / kRandomColumns;
  const int64_t blocks = row_blocks * random.row_count;
  const int64_t threads = int64_t(gridDim.x) * blockDim.x;
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < blocks; i += threads) {
    const int64_t row = random.first_row + i / row_blocks;
    const int64_t column_block = i % row_blocks;
    const RandomBlock block = random_block(uint32_t(column_block), uint32_t(row), random.seed_low, random.seed_high);
    Pack<Element, kRandomColumns> pack;
    for (int k = 0; k < kRandomColumns; k++) {
      const bool inside = column_block * kRandomColumns + k < weight.columns;
      pack.v[k] = random_element<Element>(inside ? random_weight(block.words[k], random.scale) : 0.0f);
    }
    store_pack(elements + (row * weight.padded_columns + column_block * kRandomColumns), pack);
  }
}

}  // namespace upbeat
