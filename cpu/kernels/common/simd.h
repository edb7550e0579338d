// Sixteen floats, the unit in which all kernels are written. One source serves every instruction set: the sixteen lanes
// are one AVX-512 register, two of AVX2, four of NEON, or a plain array that the compiler vectorises as well as it can.
// Lanes never mix, and multiply-add is fused wherever the hardware fuses, so AVX-512, AVX2 and NEON give the same bits.
// (Portable code multiplies and adds in two roundings: a software fma would be slower by two orders of magnitude.)
//
// This header is compiled once per instruction set; everything lives in an inline namespace of that set, so that the
// linker can never mix two sets' inline functions.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(UPBEAT_KERNELS_AVX512)
#include <immintrin.h>
#if defined(UPBEAT_EMULATE_TILES)
#define UPBEAT_KERNELS_NAMESPACE amx_emulated
#elif defined(UPBEAT_KERNELS_AMX)
#define UPBEAT_KERNELS_NAMESPACE amx
#elif defined(__AVX512VNNI__)
#define UPBEAT_KERNELS_NAMESPACE avx512_vnni
#else
#define UPBEAT_KERNELS_NAMESPACE avx512
#endif
#elif defined(UPBEAT_KERNELS_AVX2)
#include <immintrin.h>
#if defined(UPBEAT_KERNELS_NAMESPACE)  // an emulation's own
#elif defined(__AVXVNNI__)
#define UPBEAT_KERNELS_NAMESPACE avx_vnni
#else
#define UPBEAT_KERNELS_NAMESPACE avx2
#endif
#elif defined(UPBEAT_KERNELS_NEON)
#include <arm_neon.h>
#define UPBEAT_KERNELS_NAMESPACE neon
#else
#define UPBEAT_KERNELS_PORTABLE
#define UPBEAT_KERNELS_NAMESPACE portable
#endif

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

inline constexpr int kLanes = 16;

inline float f32_from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

inline uint32_t bits_from_f32(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

inline float f32_from_bf16(uint16_t value) { return f32_from_bits(uint32_t(value) << 16); }

// Round to nearest even; NaN stays NaN.
inline uint16_t bf16_from_f32(float value) {
  const uint32_t bits = bits_from_f32(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return uint16_t((bits >> 16) | 0x40u);
  return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline float f32_from_f16(uint16_t value) {
  const uint32_t sign = uint32_t(value & 0x8000u) << 16;
  const uint32_t exponent = (value >> 10) & 0x1fu;
  const uint32_t mantissa = value & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24, exact in F32
    const float magnitude = float(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  if (exponent == 31) return f32_from_bits(sign | 0x7f800000u | (mantissa << 13));
  return f32_from_bits(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

#if defined(UPBEAT_KERNELS_AVX512)

struct F32x16 {
  __m512 v;
  static F32x16 zero() { return {_mm512_setzero_ps()}; }
  static F32x16 broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static F32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static F32x16 load_bf16(const uint16_t* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
  }
  static F32x16 load_f16(const uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
};
inline F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F32x16 operator-(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F32x16 operator/(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
// The larger and the smaller; b where either is NaN.
inline F32x16 max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
inline F32x16 min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
// a * b + c in one rounding.
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// Nearest integer, ties to even.
inline F32x16 round(F32x16 a) { return {_mm512_roundscale_ps(a.v, 8)}; }
// a * 2^n for lanes of n that are integers in [-126, 127]; exact where the result is a normal number. Unspecified for
// other n.
inline F32x16 times_exp2(F32x16 a, F32x16 n) { return {_mm512_scalef_ps(a.v, n.v)}; }
// a >= b ? yes : no in every lane (no where a or b is NaN).
inline F32x16 select_greater_equal(F32x16 a, F32x16 b, F32x16 yes, F32x16 no) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ), no.v, yes.v)};
}
// Bit i is a[i] >= b[i].
inline uint32_t mask_greater_equal(F32x16 a, F32x16 b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ); }
// Nearest integers, ties to even.
inline void store_int32(F32x16 a, int32_t* p) { _mm512_storeu_si512(p, _mm512_cvtps_epi32(a.v)); }

#elif defined(UPBEAT_KERNELS_AVX2)

struct F32x16 {
  __m256 v0, v1;
  static F32x16 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static F32x16 broadcast(float x) {
    const __m256 v = _mm256_set1_ps(x);
    return {v, v};
  }
  static F32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static F32x16 load_bf16(const uint16_t* p) {
    const __m256i wide0 = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    const __m256i wide1 = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(wide0, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(wide1, 16))};
  }
  static F32x16 load_f16(const uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
  }
  void store(float* p) const {
    _mm256_storeu_ps(p, v0);
    _mm256_storeu_ps(p + 8, v1);
  }
};
inline F32x16 operator+(F32x16 a, F32x16 b) { return {_mm256_add_ps(a.v0, b.v0), _mm256_add_ps(a.v1, b.v1)}; }
inline F32x16 operator-(F32x16 a, F32x16 b) { return {_mm256_sub_ps(a.v0, b.v0), _mm256_sub_ps(a.v1, b.v1)}; }
inline F32x16 operator*(F32x16 a, F32x16 b) { return {_mm256_mul_ps(a.v0, b.v0), _mm256_mul_ps(a.v1, b.v1)}; }
inline F32x16 operator/(F32x16 a, F32x16 b) { return {_mm256_div_ps(a.v0, b.v0), _mm256_div_ps(a.v1, b.v1)}; }
inline F32x16 max(F32x16 a, F32x16 b) { return {_mm256_max_ps(a.v0, b.v0), _mm256_max_ps(a.v1, b.v1)}; }
inline F32x16 min(F32x16 a, F32x16 b) { return {_mm256_min_ps(a.v0, b.v0), _mm256_min_ps(a.v1, b.v1)}; }
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.v0, b.v0, c.v0), _mm256_fmadd_ps(a.v1, b.v1, c.v1)};
}
inline F32x16 round(F32x16 a) { return {_mm256_round_ps(a.v0, 8), _mm256_round_ps(a.v1, 8)}; }
inline F32x16 times_exp2(F32x16 a, F32x16 n) {
  const __m256i bias = _mm256_set1_epi32(127);
  const __m256i power0 = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.v0), bias), 23);
  const __m256i power1 = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.v1), bias), 23);
  return {_mm256_mul_ps(a.v0, _mm256_castsi256_ps(power0)), _mm256_mul_ps(a.v1, _mm256_castsi256_ps(power1))};
}
inline F32x16 select_greater_equal(F32x16 a, F32x16 b, F32x16 yes, F32x16 no) {
  return {_mm256_blendv_ps(no.v0, yes.v0, _mm256_cmp_ps(a.v0, b.v0, _CMP_GE_OQ)),
          _mm256_blendv_ps(no.v1, yes.v1, _mm256_cmp_ps(a.v1, b.v1, _CMP_GE_OQ))};
}
inline uint32_t mask_greater_equal(F32x16 a, F32x16 b) {
  const int low = _mm256_movemask_ps(_mm256_cmp_ps(a.v0, b.v0, _CMP_GE_OQ));
  const int high = _mm256_movemask_ps(_mm256_cmp_ps(a.v1, b.v1, _CMP_GE_OQ));
  return uint32_t(low) | uint32_t(high) << 8;
}
inline void store_int32(F32x16 a, int32_t* p) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_cvtps_epi32(a.v0));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 8), _mm256_cvtps_epi32(a.v1));
}

#elif defined(UPBEAT_KERNELS_NEON)

struct F32x16 {
  float32x4_t v[4];
  static F32x16 broadcast(float x) {
    const float32x4_t v = vdupq_n_f32(x);
    return {{v, v, v, v}};
  }
  static F32x16 zero() { return broadcast(0.0f); }
  static F32x16 load(const float* p) { return {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}}; }
  static F32x16 load_bf16(const uint16_t* p) {
    F32x16 r;
    for (int i = 0; i < 4; i++) r.v[i] = vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16));
    return r;
  }
  static F32x16 load_f16(const uint16_t* p) {
    F32x16 r;
    for (int i = 0; i < 4; i++) r.v[i] = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i)));
    return r;
  }
  void store(float* p) const {
    for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, v[i]);
  }
};
#define UPBEAT_EACH(expression)                      \
  F32x16 r;                                          \
  for (int i = 0; i < 4; i++) r.v[i] = (expression); \
  return r;
inline F32x16 operator+(F32x16 a, F32x16 b) { UPBEAT_EACH(vaddq_f32(a.v[i], b.v[i])) }
inline F32x16 operator-(F32x16 a, F32x16 b) { UPBEAT_EACH(vsubq_f32(a.v[i], b.v[i])) }
inline F32x16 operator*(F32x16 a, F32x16 b) { UPBEAT_EACH(vmulq_f32(a.v[i], b.v[i])) }
inline F32x16 operator/(F32x16 a, F32x16 b) { UPBEAT_EACH(vdivq_f32(a.v[i], b.v[i])) }
inline F32x16 max(F32x16 a, F32x16 b) { UPBEAT_EACH(vbslq_f32(vcgtq_f32(a.v[i], b.v[i]), a.v[i], b.v[i])) }
inline F32x16 min(F32x16 a, F32x16 b) { UPBEAT_EACH(vbslq_f32(vcltq_f32(a.v[i], b.v[i]), a.v[i], b.v[i])) }
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { UPBEAT_EACH(vfmaq_f32(c.v[i], a.v[i], b.v[i])) }
inline F32x16 round(F32x16 a) { UPBEAT_EACH(vrndnq_f32(a.v[i])) }
inline F32x16 times_exp2(F32x16 a, F32x16 n) {
  UPBEAT_EACH(
      vmulq_f32(a.v[i], vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n.v[i]), vdupq_n_s32(127)), 23))))
}
inline F32x16 select_greater_equal(F32x16 a, F32x16 b, F32x16 yes, F32x16 no) {
  UPBEAT_EACH(vbslq_f32(vcgeq_f32(a.v[i], b.v[i]), yes.v[i], no.v[i]))
}
inline uint32_t mask_greater_equal(F32x16 a, F32x16 b) {
  static const uint32_t kBits[4] = {1, 2, 4, 8};
  uint32_t mask = 0;
  for (int i = 0; i < 4; i++) {
    mask |= vaddvq_u32(vandq_u32(vcgeq_f32(a.v[i], b.v[i]), vld1q_u32(kBits))) << (4 * i);
  }
  return mask;
}
inline void store_int32(F32x16 a, int32_t* p) {
  for (int i = 0; i < 4; i++) vst1q_s32(p + 4 * i, vcvtnq_s32_f32(a.v[i]));
}
#undef UPBEAT_EACH

#else

struct F32x16 {
  float v[16];
  static F32x16 broadcast(float x) {
    F32x16 r;
    for (int i = 0; i < 16; i++) r.v[i] = x;
    return r;
  }
  static F32x16 zero() { return broadcast(0.0f); }
  static F32x16 load(const float* p) {
    F32x16 r;
    std::memcpy(r.v, p, sizeof r.v);
    return r;
  }
  static F32x16 load_bf16(const uint16_t* p) {
    F32x16 r;
    for (int i = 0; i < 16; i++) r.v[i] = f32_from_bf16(p[i]);
    return r;
  }
  static F32x16 load_f16(const uint16_t* p) {
    F32x16 r;
    for (int i = 0; i < 16; i++) r.v[i] = f32_from_f16(p[i]);
    return r;
  }
  void store(float* p) const { std::memcpy(p, v, sizeof v); }
};
#define UPBEAT_EACH(expression)                       \
  F32x16 r;                                           \
  for (int i = 0; i < 16; i++) r.v[i] = (expression); \
  return r;
inline F32x16 operator+(F32x16 a, F32x16 b) { UPBEAT_EACH(a.v[i] + b.v[i]) }
inline F32x16 operator-(F32x16 a, F32x16 b) { UPBEAT_EACH(a.v[i] - b.v[i]) }
inline F32x16 operator*(F32x16 a, F32x16 b) { UPBEAT_EACH(a.v[i] * b.v[i]) }
inline F32x16 operator/(F32x16 a, F32x16 b) { UPBEAT_EACH(a.v[i] / b.v[i]) }
inline F32x16 max(F32x16 a, F32x16 b) { UPBEAT_EACH(a.v[i] > b.v[i] ? a.v[i] : b.v[i]) }
inline F32x16 min(F32x16 a, F32x16 b) { UPBEAT_EACH(a.v[i] < b.v[i] ? a.v[i] : b.v[i]) }
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { UPBEAT_EACH(a.v[i] * b.v[i] + c.v[i]) }
inline F32x16 round(F32x16 a) { UPBEAT_EACH(__builtin_rintf(a.v[i])) }
inline F32x16 times_exp2(F32x16 a, F32x16 n) {
  UPBEAT_EACH(a.v[i] * f32_from_bits(uint32_t(n.v[i] >= -126.0f ? int32_t(n.v[i]) + 127 : 0) << 23))
}
inline F32x16 select_greater_equal(F32x16 a, F32x16 b, F32x16 yes, F32x16 no) {
  UPBEAT_EACH(a.v[i] >= b.v[i] ? yes.v[i] : no.v[i])
}
inline uint32_t mask_greater_equal(F32x16 a, F32x16 b) {
  uint32_t mask = 0;
  for (int i = 0; i < 16; i++) mask |= uint32_t(a.v[i] >= b.v[i]) << i;
  return mask;
}
inline void store_int32(F32x16 a, int32_t* p) {
  for (int i = 0; i < 16; i++) p[i] = int32_t(__builtin_rintf(a.v[i]));
}
#undef UPBEAT_EACH

#endif

// Sum and maximum over the lanes. The sum is a fixed tree of halves (lanes i and i + 8, then i and i + 4, ...): the
// same order on every instruction set. A maximum of numbers does not depend on the order.
inline float sum(F32x16 a) {
#if defined(UPBEAT_KERNELS_AVX512) || defined(UPBEAT_KERNELS_AVX2)
#if defined(UPBEAT_KERNELS_AVX512)
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
#else
  const __m256 eight = _mm256_add_ps(a.v0, a.v1);
#endif
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
#else
  float lanes[16];
  a.store(lanes);
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) lanes[i] += lanes[i + width];
  }
  return lanes[0];
#endif
}

inline float maximum(F32x16 a) {
#if defined(UPBEAT_KERNELS_AVX512)
  return _mm512_reduce_max_ps(a.v);
#elif defined(UPBEAT_KERNELS_AVX2)
  const __m256 eight = _mm256_max_ps(a.v0, a.v1);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
#elif defined(UPBEAT_KERNELS_NEON)
  return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.v[0], a.v[1]), vmaxq_f32(a.v[2], a.v[3])));
#else
  float lanes[16];
  a.store(lanes);
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) lanes[i] = lanes[i] > lanes[i + width] ? lanes[i] : lanes[i + width];
  }
  return lanes[0];
#endif
}

// Weights of any dtype as floats.
template <typename Element>
F32x16 load_lanes(const Element* p);
struct Bf16 {
  uint16_t bits;
};
struct F16 {
  uint16_t bits;
};
template <>
inline F32x16 load_lanes(const float* p) {
  return F32x16::load(p);
}
template <>
inline F32x16 load_lanes(const Bf16* p) {
  return F32x16::load_bf16(reinterpret_cast<const uint16_t*>(p));
}
template <>
inline F32x16 load_lanes(const F16* p) {
  return F32x16::load_f16(reinterpret_cast<const uint16_t*>(p));
}

// Thirty-two weights of any dtype as floats, in the order that loads fastest: a shift and a mask turn a pair of BF16
// values in one 32-bit word into two floats, so wide registers hold even and odd columns apart. in_column_order()
// brings results back to column order.
template <typename Element>
inline void load_columns(const Element* p, F32x16& a, F32x16& b) {
  a = load_lanes(p);
  b = load_lanes(p + kLanes);
}
template <typename Element>
inline void in_column_order(F32x16&, F32x16&) {}

#if defined(UPBEAT_KERNELS_AVX512)

template <>
inline void load_columns(const Bf16* p, F32x16& a, F32x16& b) {
  const __m512i pairs = _mm512_loadu_si512(p);
  a.v = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
  b.v = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(int(0xffff0000u))));
}
template <>
inline void in_column_order<Bf16>(F32x16& a, F32x16& b) {
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
  const __m512 even = a.v, odd = b.v;
  a.v = _mm512_permutex2var_ps(even, low, odd);
  b.v = _mm512_permutex2var_ps(even, high, odd);
}

#elif defined(UPBEAT_KERNELS_AVX2)

template <>
inline void load_columns(const Bf16* p, F32x16& a, F32x16& b) {
  const __m256i mask = _mm256_set1_epi32(int(0xffff0000u));
  const __m256i pairs0 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i pairs1 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 16));
  a.v0 = _mm256_castsi256_ps(_mm256_slli_epi32(pairs0, 16));
  a.v1 = _mm256_castsi256_ps(_mm256_and_si256(pairs0, mask));
  b.v0 = _mm256_castsi256_ps(_mm256_slli_epi32(pairs1, 16));
  b.v1 = _mm256_castsi256_ps(_mm256_and_si256(pairs1, mask));
}
inline F32x16 interleave(__m256 even, __m256 odd) {
  const __m256 low = _mm256_unpacklo_ps(even, odd), high = _mm256_unpackhi_ps(even, odd);
  return {_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31)};
}
template <>
inline void in_column_order<Bf16>(F32x16& a, F32x16& b) {
  a = interleave(a.v0, a.v1);
  b = interleave(b.v0, b.v1);
}

#endif

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
