// The arithmetic of linear: which products are added, and in which order. All its kernels are made of these pieces, so
// that an element has the same bits whichever kernel computed it.
//
// Weights are the tensor cores' operand of 16 rows, input rows the one of 8 columns, for any number of input rows; a
// column of the product depends on its own input row only. The inputs of a row are taken 32 at a time, in two products
// of 16. A lane's part of both is eight consecutive inputs (the lower four for the first product): with this fixed
// permutation of the 32, a lane's part of the operand is 16 contiguous bytes in memory, so neither ldmatrix nor
// shuffles are needed.
//
// The inputs are cut into eight slices of whole windows, at positions that depend only on their number. A slice is
// summed in ascending order, from zero; the eight sums are added in ascending order, then the bias, then the residual.
// Eight slices are enough for a block of few outputs to keep eight warps busy, and few enough for a kernel that takes
// them one after the other to fold its sums into its totals at almost no cost.
//
// An operand is the exact sum of BF16 terms: an F32 of three, an F16 of two. Terms below 2^-26 of a product are left
// out, which is less than the rounding of the sums. Inputs may also be rounded to one BF16 number.
#pragma once

#include "cuda/kernels/common/elements.cuh"
#include "cuda/kernels/kernels.h"
#include "cuda/kernels/linear/weight_layout.h"

namespace upbeat {

inline constexpr int kLinearSlices = 8;
inline constexpr int kLinearWindow = kWeightColumnStep;  // inputs
inline constexpr int kLinearPiece = 32;                  // inputs of two products
inline constexpr int kWindowPieces = kLinearWindow / kLinearPiece;
inline constexpr int kOutputTile = kWeightRowStep;  // outputs of one product
inline constexpr int kRowTile = 8;                  // input rows of one product

// The first window of a slice.
__host__ __device__ constexpr int slice_begin(int slice, int windows) {
  return int(int64_t(slice) * windows / kLinearSlices);
}

__host__ __device__ constexpr int linear_windows(int columns) { return (columns + kLinearWindow - 1) / kLinearWindow; }

// The number of BF16 terms of an element.
template <typename Element>
inline constexpr int kTermsOf = 3;
template <>
inline constexpr int kTermsOf<F16> = 2;
template <>
inline constexpr int kTermsOf<Bf16> = 1;

// Eight consecutive elements as sums of BF16 terms: term[i] holds the i-th term of each, in pairs.
template <int Terms>
struct SplitEight {
  uint32_t term[Terms][4];
};

template <int Terms>
__device__ SplitEight<Terms> split_eight(const float (&values)[8]) {
  SplitEight<Terms> split;
#pragma unroll
  for (int pair = 0; pair < 4; pair++) {
    float first = values[2 * pair], second = values[2 * pair + 1];
#pragma unroll
    for (int i = 0; i < Terms; i++) {
      const uint32_t bits = bf16_pair(first, second);
      split.term[i][pair] = bits;
      first -= __uint_as_float(bits << 16);
      second -= __uint_as_float(bits & 0xffff0000u);
    }
  }
  return split;
}

// Eight weights as stored in memory.
template <typename Element>
struct RawEight {
  static constexpr int kPack = 16 / int(sizeof(Element));
  Pack<Element, kPack> packs[8 / kPack];
};

template <typename Element>
__device__ SplitEight<kTermsOf<Element>> split_weights(const RawEight<Element>& raw) {
  constexpr int kTerms = kTermsOf<Element>;
  if constexpr (kTerms == 1) {
    return __builtin_bit_cast(SplitEight<1>, raw);
  } else {
    float values[8];
#pragma unroll
    for (int i = 0; i < 8; i++) {
      values[i] = to_f32(raw.packs[i / RawEight<Element>::kPack].v[i % RawEight<Element>::kPack]);
    }
    return split_eight<kTerms>(values);
  }
}

// Calls multiply(i, j) for the terms of weights and inputs whose products are added, in order. Each term is at most
// 2^-9 of the one before, so products of terms i and j with i + j >= 3 are negligible.
template <int WeightTerms, int InputTerms, typename Multiply>
__device__ void for_terms(Multiply&& multiply) {
#pragma unroll
  for (int i = 0; i < WeightTerms; i++) {
#pragma unroll
    for (int j = 0; j < InputTerms; j++) {
      if (i + j < 3) multiply(i, j);
    }
  }
}

// Adds one product of 16 inputs, the first or the second of a piece. `upper` and `lower` are a term of the weights of
// outputs g and g + 8 (g = lane / 4), eight inputs each from 8 * (lane % 4) on; `input` is a term of input row g, the
// four inputs of this step.
__device__ inline void multiply_step(int step, const uint32_t (&upper)[4], const uint32_t (&lower)[4],
                                     const uint32_t (&input)[2], float (&sums)[4]) {
  const uint32_t a[4] = {upper[2 * step], lower[2 * step], upper[2 * step + 1], lower[2 * step + 1]};
  mma_bf16(sums, a, input);
}

// The result of an element, at offset `at` of the output, from the sum of its slices.
__device__ inline float finish_element(const LinearArguments& arguments, float total, int output, int64_t at) {
  const Global<const float> bias = arguments.bias, residual = arguments.residual;
  if (bias) total += float(bias[output]);
  if (residual) total += float(residual[at]);
  return total;
}

}  // namespace upbeat
