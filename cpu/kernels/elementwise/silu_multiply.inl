// The gated activation of a SwiGLU block (Shazeer 2020): silu(gate) * up.
#pragma once

#include "cpu/kernels/common/math.inl"
#include "cpu/kernels/common/scratch.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

inline F32x16 silu_multiply(F32x16 gate, F32x16 up) {
  const F32x16 one = F32x16::broadcast(1.0f);
  return gate / (one + exp(F32x16::zero() - gate)) * up;
}

inline void silu_multiply_range(const float* gate, const float* up, int count, float* output) {
  int i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    silu_multiply(F32x16::load(gate + i), F32x16::load(up + i)).store(output + i);
  }
  if (const int rest = count - i) {
    store_tail(silu_multiply(load_tail(gate + i, rest), load_tail(up + i, rest)), output + i, rest);
  }
}

inline bool silu_multiply(const SiluMultiplyArguments& arguments, ThreadPool& pool, Fault&) {
  constexpr int kPiece = 8192;  // a single long row is cut too
  const int64_t columns = arguments.columns;
  const int pieces = int((columns + kPiece - 1) / kPiece);
  const int grain = pieces > 1 ? 1 : grain_of(2 * columns);
  for_ranges(pool, arguments.rows * pieces, grain, [&](int begin, int end) {
    for (int item = begin; item < end; item++) {
      const int64_t row = item / pieces;
      const int64_t first = int64_t(item % pieces) * kPiece;
      const int64_t count = columns - first < kPiece ? columns - first : kPiece;
      const float* gate = arguments.gate_up + row * 2 * columns + first;
      silu_multiply_range(gate, gate + columns, int(count), arguments.output + row * columns + first);
    }
  });
  return true;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
