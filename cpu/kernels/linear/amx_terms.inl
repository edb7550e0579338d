// F32 inputs as sums of BF16 terms, which tile registers can multiply.
//
// An F32 number is the exact sum of three BF16 numbers, taken from its 24 bits of mantissa eight at a time (Henry, Tang
// and Heinecke 2019, "Leveraging the bfloat16 artificial intelligence datatype for higher-precision computations").
// Terms below 2^-126 count as zero, because tile registers read them so.
//
// The order of a sum is that of the tile registers' dot product (Intel SDM, TDPBF16PS): for 32 inputs and one term, the
// products of even inputs are added up by fused multiply-add from zero, and so are those of odd inputs; the two results
// are added, then added to the sum. First all terms of 32 inputs, from the largest to the smallest, then the next
// inputs.
#pragma once

#include "cpu/kernels/common/simd.h"
#include "cpu/kernels/linear/amx_tiles.h"
#include "cpu/kernels/linear/packed_layout.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

inline constexpr int kExactTerms = 3;
// Inputs of a tile.
inline constexpr int kTileInputs = kBf16ColumnStep;
// One line of a tile's terms or weights.
inline constexpr size_t kLineBytes = kTileRegisterBytes;
inline constexpr size_t kWeightTileBytes = 2 * kTileRegisterRows * kLineBytes;  // of both halves of a panel

// 32 inputs of one row.
struct TileInputs {
  __m512 low;
  __m512 high;
};

// Zeros beyond `count`.
inline TileInputs load_inputs(const float* input, int count) {
  const uint32_t present = count >= 32 ? ~0u : (1u << count) - 1;
  const __m512 low = _mm512_maskz_loadu_ps(__mmask16(present), input);
  const __m512 high = _mm512_maskz_loadu_ps(__mmask16(present >> 16), input + (count > 16 ? 16 : 0));
  // The set bits of a NaN may all be in its lower half.
  const auto quiet = [](__m512 values) {
    const __mmask16 nan = _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q);
    return _mm512_mask_mov_ps(values, nan, _mm512_set1_ps(__builtin_nanf("")));
  };
  return {quiet(low), quiet(high)};
}

// The upper 16 bits of 16 floats, as BF16 numbers. The exact remainder stays in `values`; infinities and NaN have none.
inline __m512 next_term(__m512& values) {
  const __m512 upper =
      _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(values), _mm512_set1_epi32(int(0xffff0000))));
  const __mmask16 finite = _mm512_cmp_ps_mask(_mm512_abs_ps(values), _mm512_set1_ps(__builtin_inff()), _CMP_LT_OQ);
  values = _mm512_maskz_sub_ps(finite, values, upper);
  return upper;
}

inline TileInputs next_term(TileInputs& inputs) { return {next_term(inputs.low), next_term(inputs.high)}; }

// 16 floats rounded to BF16, ties to even. A NaN stays a NaN.
inline __m512 rounded(__m512 values) {
  const __m512i bits = _mm512_castps_si512(values);
  const __m512i odd = _mm512_and_si512(_mm512_maskz_srli_epi32(0xffff, bits, 16), _mm512_set1_epi32(1));
  const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  return _mm512_castsi512_ps(_mm512_and_si512(up, _mm512_set1_epi32(int(0xffff0000))));
}

inline TileInputs rounded(const TileInputs& inputs) { return {rounded(inputs.low), rounded(inputs.high)}; }

// 32 floats that are BF16 numbers, as BF16.
inline __m512i to_bf16_line(const TileInputs& term) {
  const __m512i odd = _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33, 31, 29, 27, 25,
                                       23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  return _mm512_permutex2var_epi16(_mm512_castps_si512(term.low), odd, _mm512_castps_si512(term.high));
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
