// Sums and maxima over a warp and a block, in an order that depends only on their size.
#pragma once

#include "cuda/kernels/common/machine.h"

namespace upbeat {

inline constexpr uint32_t kAllLanes = 0xffffffffu;

// A tree of halves: lanes i and i ^ 16, then i ^ 8, ... Every lane receives the same bits.
__device__ inline float warp_sum(float value) {
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}

__device__ inline float warp_max(float value) {
  for (int distance = 16; distance > 0; distance /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, distance));
  }
  return value;
}

// The sum over a block of whole warps, for every thread. `slots` has a float per warp. A barrier; the caller needs
// another one before it uses `slots` again.
__device__ inline float block_sum(float value, Shared<float> slots) {
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32, warps = int(blockDim.x) / 32;
  value = warp_sum(value);
  if (lane == 0) slots[warp] = value;
  __syncthreads();
  return warp_sum(lane < warps ? float(slots[lane]) : 0.0f);
}

}  // namespace upbeat
