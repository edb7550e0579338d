// output = input * transpose(weight) + bias + residual on tensor cores, for F32, F16 and BF16 weights.
//
// The memory idea: weights are what is large, and a block of 16 outputs reads its rows once for up to 64 input rows, in
// 16-byte loads straight to registers: with a fixed permutation of the inputs inside every 32, what a lane loads is
// what the product wants of it, so neither shared memory nor a shuffle lies between. The inputs are small and come from
// the cache.
//
// Weights are the operand of 16 rows, input rows the one of 8 columns, for any number of input rows; a column of the
// product depends on its own input row alone. The inputs are cut into windows of 64; warp w of 8 adds up windows w,
// w + 8, ... in rising order, and the eight sums are added in rising order. So every element has the same bits whatever
// it was computed with.
//
// The products are those of F32 numbers: an F32 is the exact sum of three BF16 numbers, an F16 of two, and what is left
// out (terms below 2^-26 of a product) is less than the rounding of the sums.
#pragma once

#include "elements.cuh"
#include "fault.cuh"
#include "kernels.h"

namespace upbeat {

inline constexpr int kLinearWarps = 8;
inline constexpr int kLinearThreads = kLinearWarps * 32;
inline constexpr int kLinearOutputs = kWeightRowStep;    // of a block
inline constexpr int kLinearWindow = kWeightColumnStep;  // inputs
inline constexpr int kLinearTile = 8;                    // input rows of one product
inline constexpr int kInputTerms = 3;

// Eight neighbouring elements as sums of BF16 numbers: term[i] holds the i-th summand of each, in pairs.
template <int Terms>
struct SplitEight {
  uint32_t term[Terms][4];
};

template <int Terms>
__device__ SplitEight<Terms> split_eight(const float (&values)[8]) {
  SplitEight<Terms> split;
  for (int pair = 0; pair < 4; pair++) {
    float first = values[2 * pair], second = values[2 * pair + 1];
    for (int i = 0; i < Terms; i++) {
      const uint32_t bits = bf16_pair(first, second);
      split.term[i][pair] = bits;
      first -= __uint_as_float(bits << 16);
      second -= __uint_as_float(bits & 0xffff0000u);
    }
  }
  return split;
}

// How many BF16 numbers an element is the sum of.
template <typename Element>
inline constexpr int kWeightTerms = 3;
template <>
inline constexpr int kWeightTerms<F16> = 2;
template <>
inline constexpr int kWeightTerms<Bf16> = 1;

template <typename Element>
__device__ SplitEight<kWeightTerms<Element>> load_weights(Global<const Element> from) {
  constexpr int kTerms = kWeightTerms<Element>;
  if constexpr (kTerms == 1) {
    const Pack<Bf16, 8> pack = load_pack<8>(from);
    SplitEight<1> split;
    for (int i = 0; i < 4; i++) {
      split.term[0][i] = uint32_t(pack.v[2 * i].bits) | uint32_t(pack.v[2 * i + 1].bits) << 16;
    }
    return split;
  } else {
    constexpr int kLoad = 16 / int(sizeof(Element));
    float values[8];
    for (int i = 0; i < 8; i += kLoad) {
      const Pack<Element, kLoad> pack = load_pack<kLoad>(from + i);
      for (int j = 0; j < kLoad; j++) values[i + j] = to_f32(pack.v[j]);
    }
    return split_eight<kTerms>(values);
  }
}

// Aligned: rows begin at multiples of 16 bytes and have a multiple of four columns.
template <bool Aligned>
__device__ SplitEight<kInputTerms> load_inputs(Global<const float> row, int column, int columns) {
  float values[8];
  for (int i = 0; i < 8; i += 4) {
    if constexpr (Aligned) {
      Pack<float, 4> four = {};
      if (column + i < columns) four = load_pack<4>(row + (column + i));
      for (int j = 0; j < 4; j++) values[i + j] = four.v[j];
    } else {
      for (int j = i; j < i + 4; j++) values[j] = column + j < columns ? float(row[column + j]) : 0.0f;
    }
  }
  return split_eight<kInputTerms>(values);
}

// Adds the products of 32 inputs for 16 outputs and 8 input rows. `upper` and `lower` are the weights of outputs g and
// g + 8 (g = lane / 4), and `input` those of input row g, each the eight from 8 * (lane % 4) on.
template <int Terms>
__device__ void multiply_32(const SplitEight<Terms>& upper, const SplitEight<Terms>& lower,
                            const SplitEight<kInputTerms>& input, float (&sums)[4]) {
  for (int step = 0; step < 2; step++) {
    for (int i = 0; i < Terms; i++) {
      // The terms of a number fall by 2^-9 each: those of a product whose numbers add up to 3 are too small to matter.
      for (int j = 0; j < kInputTerms - i; j++) {
        const uint32_t a[4] = {upper.term[i][2 * step], lower.term[i][2 * step], upper.term[i][2 * step + 1],
                               lower.term[i][2 * step + 1]};
        const uint32_t b[2] = {input.term[j][2 * step], input.term[j][2 * step + 1]};
        mma_bf16(sums, a, b);
      }
    }
  }
}

// Tiles: of 8 input rows, per block.
template <typename Element, int Tiles, bool Aligned>
__global__ void __launch_bounds__(kLinearThreads) linear_kernel(LinearArguments arguments, FaultSlot faults) {
  constexpr int kRows = Tiles * kLinearTile;
  constexpr int kPitch = kLinearOutputs + 1;  // keeps the lanes of a store on different banks
  __shared__ SharedArray<float, kLinearWarps * kRows * kPitch> partial;
  if (block_faulted(faults)) return;
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int g = lane / 4, t = lane % 4;
  const int first_output = int(blockIdx.x) * kLinearOutputs;
  const int first_row = int(blockIdx.y) * kRows;
  const PackedWeight& weight = arguments.weight;
  const int columns = weight.columns;
  const Global<const float> input = arguments.input;
  const Global<const Element> upper_row =
      Global<const Element>(static_cast<const Element*>(weight.data)) + (first_output + g) * weight.stride;
  const Global<const Element> lower_row = upper_row + 8 * weight.stride;

  float sums[Tiles][4] = {};
  for (int window = warp * kLinearWindow; window < columns; window += kLinearWarps * kLinearWindow) {
    for (int half = 0; half < 2; half++) {
      const int column = window + 32 * half + 8 * t;
      const auto upper = load_weights(upper_row + column);
      const auto lower = load_weights(lower_row + column);
#pragma unroll
      for (int tile = 0; tile < Tiles; tile++) {
        const int row = first_row + tile * kLinearTile + g;
        SplitEight<kInputTerms> inputs = {};
        if (row < arguments.rows) inputs = load_inputs<Aligned>(input + int64_t(row) * columns, column, columns);
        multiply_32(upper, lower, inputs, sums[tile]);
      }
    }
  }

  // partial: [warp][row][output]
  for (int tile = 0; tile < Tiles; tile++) {
    for (int i = 0; i < 4; i++) {
      const int row = tile * kLinearTile + 2 * t + i % 2;
      partial[(warp * kRows + row) * kPitch + g + i / 2 * 8] = sums[tile][i];
    }
  }
  __syncthreads();
  const Global<const float> bias = arguments.bias, residual = arguments.residual;
  const Global<float> output = arguments.output;
  for (int i = int(threadIdx.x); i < kRows * kLinearOutputs; i += kLinearThreads) {
    const int row = first_row + i / kLinearOutputs;
    const int column = first_output + i % kLinearOutputs;
    if (row >= arguments.rows || column >= weight.rows) continue;
    float sum = 0;
    for (int w = 0; w < kLinearWarps; w++) {
      sum += float(partial[(w * kRows + i / kLinearOutputs) * kPitch + i % kLinearOutputs]);
    }
    const int64_t at = int64_t(row) * weight.rows + column;
    if (bias) sum += float(bias[column]);
    if (residual) sum += float(residual[at]);
    output[at] = sum;
  }
}

}  // namespace upbeat
