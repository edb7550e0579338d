// The kernels for AVX-VNNI with its instruction put together from those of AVX2: for machines without it. Compile like
// cpu/kernels/sets/avx2.cpp.
#if defined(__x86_64__)
#include <immintrin.h>

namespace {

// Four products of unsigned bytes of `a` and signed ones of `b`, added to each sum.
__m256i emulated_dpbusd(__m256i sums, __m256i a, __m256i b) {
  const __m256i low = _mm256_set1_epi16(0xff);
  const auto odd = [](__m256i bytes) { return _mm256_srai_epi16(bytes, 8); };
  const auto even = [&](__m256i bytes) { return odd(_mm256_slli_epi16(bytes, 8)); };
  const __m256i first = _mm256_madd_epi16(_mm256_and_si256(a, low), even(b));
  const __m256i second = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), odd(b));
  return _mm256_add_epi32(sums, _mm256_add_epi32(first, second));
}

}  // namespace

#define __AVXVNNI__ 1
#define UPBEAT_KERNELS_AVX2
#define UPBEAT_KERNELS_NAMESPACE vnni_emulated
#define _mm256_dpbusd_avx_epi32 emulated_dpbusd
#include "cpu/kernels/sets/int8_products.inl"
#endif
