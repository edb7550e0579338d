// The inputs of linear as BF16 terms in device memory, in the order in which prefill.cuh reads them.
//
// Memory access: a tile of inputs is needed once for every 128 outputs. Splitting it each time would take registers and
// instructions from the loop of products; splitting it once here moves ten bytes per input for three terms, six for
// one. At 4096 outputs that is a twentieth of the time of the products, in memory that stays in the second-level cache.
// A warp reads 128 bytes of each of 16 rows and writes 512 contiguous bytes per term and step.
//
// The planes: [piece of 32 columns][term][step][group of 16 rows][lane][row g, row g + 8][4 columns], where lane
// 4 * g + t has columns 8 * t + 4 * step of the piece. Missing rows and columns are zeros.
#pragma once

#include "cuda/kernels/common/fault.cuh"
#include "cuda/kernels/linear/arithmetic.cuh"

namespace upbeat {

inline constexpr int kSplitThreads = 256;
inline constexpr int kGroupRows = 2 * kRowTile;
inline constexpr int kGroupWords = kGroupRows * 16 / 2;  // of one term and step, four bytes each

// Aligned: rows begin at multiples of 16 bytes and have a multiple of four columns.
template <int InputTerms, bool Aligned>
__device__ SplitEight<InputTerms> split_row(Global<const float> input, int row, int rows, int column, int columns) {
  float values[8] = {};
  if (row < rows) {
    const Global<const float> from = input + int64_t(row) * columns;
    if constexpr (Aligned) {
#pragma unroll
      for (int i = 0; i < 8; i += 4) {
        if (column + i >= columns) continue;
        const Pack<float, 4> four = load_pack<4>(from + (column + i));
#pragma unroll
        for (int j = 0; j < 4; j++) values[i + j] = four.v[j];
      }
    } else {
#pragma unroll
      for (int i = 0; i < 8; i++) {
        if (column + i < columns) values[i] = from[column + i];
      }
    }
  }
  return split_eight<InputTerms>(values);
}

// One warp per group of rows and piece. `groups`: of rows, padding included.
template <int InputTerms, bool Aligned>
__global__ void __launch_bounds__(kSplitThreads)
    linear_split_kernel(LinearArguments arguments, int groups, uint32_t* planes, FaultSlot faults) {
  begin_kernel();
  if (faulted(faults)) return;
  const int columns = arguments.weight.columns;
  const int64_t unit = (int64_t(blockIdx.x) * kSplitThreads + threadIdx.x) / 32;
  const int group = int(unit % groups), piece = int(unit / groups);
  if (piece >= linear_windows(columns) * kWindowPieces) return;
  const int lane = int(threadIdx.x) % 32;
  const int row = group * kGroupRows + lane / 4, column = piece * kLinearPiece + 8 * (lane % 4);
  const auto first = split_row<InputTerms, Aligned>(arguments.input, row, arguments.rows, column, columns);
  const auto second = split_row<InputTerms, Aligned>(arguments.input, row + 8, arguments.rows, column, columns);
  const Global<uint32_t> output = planes;
#pragma unroll
  for (int term = 0; term < InputTerms; term++) {
#pragma unroll
    for (int step = 0; step < 2; step++) {
      const int64_t at = (((int64_t(piece) * InputTerms + term) * 2 + step) * groups + group) * kGroupWords;
      store_pack(output + (at + 4 * lane),
                 Pack<uint32_t, 4>{{first.term[term][2 * step], first.term[term][2 * step + 1],
                                    second.term[term][2 * step], second.term[term][2 * step + 1]}});
    }
  }
}

}  // namespace upbeat
