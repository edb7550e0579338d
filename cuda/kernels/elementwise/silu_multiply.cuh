// The gated activation of a SwiGLU block (Shazeer 2020): silu(gate) * up.
//
// Memory access: everything is read and written once; each thread loads four consecutive elements of gate and of up in
// 16 bytes each, where the rows allow it.
#pragma once

#include "cuda/kernels/common/fault.cuh"
#include "cuda/kernels/kernels.h"

namespace upbeat {

inline constexpr int kSiluThreads = 256;

__device__ inline float silu_multiply(float gate, float up) { return gate / (1.0f + expf(-gate)) * up; }

// Width: elements of a thread's step; it divides the columns, and rows begin at multiples of Width * 4 bytes.
template <int Width>
__global__ void __launch_bounds__(kSiluThreads)
    silu_multiply_kernel(SiluMultiplyArguments arguments, FaultSlot faults) {
  begin_kernel();
  if (faulted(faults)) return;
  const Global<const float> gate_up = arguments.gate_up;
  const Global<float> output = arguments.output;
  const int64_t columns = arguments.columns;
  const int64_t items = arguments.rows * columns / Width;
  const int64_t step = int64_t(gridDim.x) * kSiluThreads;
  for (int64_t item = int64_t(blockIdx.x) * kSiluThreads + threadIdx.x; item < items; item += step) {
    const int64_t at = item * Width;
    const int64_t row = at / columns;
    const Global<const float> source = gate_up + (at + row * columns);  // rows of gate_up are twice as long
    const Pack<float, Width> gate = load_pack<Width>(source);
    const Pack<float, Width> up = load_pack<Width>(source + columns);
    Pack<float, Width> result;
    for (int i = 0; i < Width; i++) result.v[i] = silu_multiply(gate.v[i], up.v[i]);
    store_pack(output + at, result);
  }
}

}  // namespace upbeat
