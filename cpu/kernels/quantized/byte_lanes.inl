// The vectors of int8 products: one native register, whose 32-bit lanes are outputs, each with four bytes of inputs.
//
// dot_group() and the sums of a run are integers and exact, so every instruction set gives the same ones; scales are
// applied in the same order, so results have the same bits too (but for portable kernels, whose multiply-adds round
// twice).
#pragma once

#include "cpu/kernels/common/simd.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

#if defined(UPBEAT_KERNELS_AVX512)
inline constexpr int kVectorBytes = 64;
#elif defined(UPBEAT_KERNELS_AVX2)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif
// Outputs of a vector.
inline constexpr int kOutputs = kVectorBytes / 4;

typedef uint8_t Bytes __attribute__((vector_size(kVectorBytes)));
typedef uint16_t Words __attribute__((vector_size(kVectorBytes)));
typedef int32_t Ints __attribute__((vector_size(kVectorBytes)));
typedef float Floats __attribute__((vector_size(kVectorBytes)));

template <typename Vector>
Vector load_vector(const void* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

inline void store_vector(Floats vector, float* to) { std::memcpy(to, &vector, sizeof vector); }

inline Bytes shift_right(Bytes bytes, int bits) { return Bytes(Words(bytes) >> bits); }
inline Bytes shift_left(Bytes bytes, int bits) { return Bytes(Words(bytes) << bits); }

inline Ints broadcast_int(int32_t value) { return value - Ints{}; }
inline Floats broadcast_float(float value) { return value - Floats{}; }
inline Floats to_floats(Ints values) { return __builtin_convertvector(values, Floats); }

#if defined(UPBEAT_KERNELS_AVX512)

inline Floats multiply_add(Floats a, Floats b, Floats c) {
  return Floats(_mm512_fmadd_ps(__m512(a), __m512(b), __m512(c)));
}
inline Floats floats_from_f16(const uint8_t* from) {
  return Floats(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))));
}
inline Floats floats_from_int8(const uint8_t* from) {
  return Floats(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)))));
}
inline Floats floats_from_uint8(const uint8_t* from) {
  return Floats(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)))));
}
inline Bytes broadcast_table(const uint8_t* table) {
  return Bytes(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))));
}
inline Bytes look_up(Bytes table, Bytes index) { return Bytes(_mm512_shuffle_epi8(__m512i(table), __m512i(index))); }

#elif defined(UPBEAT_KERNELS_AVX2)

inline Floats multiply_add(Floats a, Floats b, Floats c) {
  return Floats(_mm256_fmadd_ps(__m256(a), __m256(b), __m256(c)));
}
inline Floats floats_from_f16(const uint8_t* from) {
  return Floats(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}
inline Floats floats_from_int8(const uint8_t* from) {
  return Floats(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)))));
}
inline Floats floats_from_uint8(const uint8_t* from) {
  return Floats(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)))));
}
inline Bytes broadcast_table(const uint8_t* table) {
  return Bytes(_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))));
}
inline Bytes look_up(Bytes table, Bytes index) { return Bytes(_mm256_shuffle_epi8(__m256i(table), __m256i(index))); }

#else

#if defined(UPBEAT_KERNELS_NEON)
inline Floats multiply_add(Floats a, Floats b, Floats c) { return vfmaq_f32(c, a, b); }
inline Bytes look_up(Bytes table, Bytes index) { return vqtbl1q_u8(table, index); }
#else
inline Floats multiply_add(Floats a, Floats b, Floats c) { return a * b + c; }
inline Bytes look_up(Bytes table, Bytes index) {
  Bytes found;
  for (int i = 0; i < kVectorBytes; i++) found[i] = table[index[i] & 15];
  return found;
}
#endif
inline Floats floats_from_f16(const uint8_t* from) {
  Floats values;
  for (int i = 0; i < kOutputs; i++) {
    uint16_t bits;
    std::memcpy(&bits, from + 2 * i, sizeof bits);
    values[i] = f32_from_f16(bits);
  }
  return values;
}
inline Floats floats_from_int8(const uint8_t* from) {
  return Floats{float(int8_t(from[0])), float(int8_t(from[1])), float(int8_t(from[2])), float(int8_t(from[3]))};
}
inline Floats floats_from_uint8(const uint8_t* from) {
  return Floats{float(from[0]), float(from[1]), float(from[2]), float(from[3])};
}
inline Bytes broadcast_table(const uint8_t* table) { return load_vector<Bytes>(table); }

#endif

inline Floats floats_from_bf16(const uint8_t* from) {
  typedef uint16_t Halves __attribute__((vector_size(kVectorBytes / 2)));
  typedef uint32_t Unsigned __attribute__((vector_size(kVectorBytes)));
  return Floats(__builtin_convertvector(load_vector<Halves>(from), Unsigned) << 16);
}

// How the codes of a type are multiplied. `small`: levels plus their zero are unsigned, and the sums of a run of
// products of levels fit 16 bits, two for each output. `halves`: those of half a run do, without a zero. `wide`: levels
// are signed bytes.
enum class Products { small, halves, wide };

// Instructions for products of unsigned and signed bytes take wide levels with 128 added.
#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
#define UPBEAT_KERNELS_VNNI
inline constexpr int kWideZero = 128;
#else
inline constexpr int kWideZero = 0;
#endif

// Where the zero of small levels is subtracted: in the two 16-bit sums of a lane, or in its 32-bit sum.
#if (defined(UPBEAT_KERNELS_AVX512) || defined(UPBEAT_KERNELS_AVX2)) && !defined(UPBEAT_KERNELS_VNNI)
inline constexpr bool kPairsOfSums = true;
#else
inline constexpr bool kPairsOfSums = false;
#endif

// The four inputs of a group in every lane.
inline Ints group_inputs(const int8_t* inputs, int group) {
  int32_t four;
  std::memcpy(&four, inputs + 4 * group, sizeof four);
  return broadcast_int(four);
}

// start + the sums of products of kGroups vectors of weights, each with its four inputs at `inputs`.
template <Products kProducts, int kGroups>
[[gnu::always_inline]] inline Ints sum_products(const Bytes* weights, const int8_t* inputs, int32_t start) {
#if defined(UPBEAT_KERNELS_VNNI)
  Ints sums = broadcast_int(start);
#pragma GCC unroll 8
  for (int group = 0; group < kGroups; group++) {
#if defined(UPBEAT_KERNELS_AVX512)
    sums = Ints(_mm512_dpbusd_epi32(__m512i(sums), __m512i(weights[group]), __m512i(group_inputs(inputs, group))));
#else
    sums = Ints(_mm256_dpbusd_avx_epi32(__m256i(sums), __m256i(weights[group]), __m256i(group_inputs(inputs, group))));
#endif
  }
  return sums;
#elif defined(UPBEAT_KERNELS_AVX512) || defined(UPBEAT_KERNELS_AVX2)
#if defined(UPBEAT_KERNELS_AVX512)
  using Register = __m512i;
  const auto multiply_bytes = [](Register a, Register b) { return _mm512_maddubs_epi16(a, b); };
  const auto multiply_words = [](Register a, Register b) { return _mm512_madd_epi16(a, b); };
  const auto add_words = [](Register a, Register b) { return _mm512_add_epi16(a, b); };
  const Register ones = _mm512_set1_epi16(1);
  const auto even_words = [](Register a) { return _mm512_srai_epi16(_mm512_slli_epi16(a, 8), 8); };
  const auto odd_words = [](Register a) { return _mm512_srai_epi16(a, 8); };
#else
  using Register = __m256i;
  const auto multiply_bytes = [](Register a, Register b) { return _mm256_maddubs_epi16(a, b); };
  const auto multiply_words = [](Register a, Register b) { return _mm256_madd_epi16(a, b); };
  const auto add_words = [](Register a, Register b) { return _mm256_add_epi16(a, b); };
  const Register ones = _mm256_set1_epi16(1);
#endif
  if constexpr (kProducts == Products::wide) {
    Ints sums{};
#pragma GCC unroll 8
    for (int group = 0; group < kGroups; group++) {
      const Register weight = Register(weights[group]), input = Register(group_inputs(inputs, group));
#if defined(UPBEAT_KERNELS_AVX512)
      sums += Ints(multiply_words(even_words(weight), even_words(input)));
      sums += Ints(multiply_words(odd_words(weight), odd_words(input)));
#else
      // |w| * (x with the sign of w): two such products fit 16 bits, as inputs are never -128.
      const Register products = multiply_bytes(_mm256_abs_epi8(weight), _mm256_sign_epi8(input, weight));
      sums += Ints(multiply_words(products, ones));
#endif
    }
    return sums;
  } else {
    constexpr int kStage = kProducts == Products::small ? kGroups : kGroups / 2;
    Ints sums{};
#pragma GCC unroll 2
    for (int stage = 0; stage < kGroups; stage += kStage) {
      // Sums of two products never saturate. Those of a stage may wrap around on the way, never at its end.
      Register pairs = Register(broadcast_int(start));
#pragma GCC unroll 8
      for (int group = stage; group < stage + kStage; group++) {
        pairs = add_words(pairs, multiply_bytes(Register(weights[group]), Register(group_inputs(inputs, group))));
      }
      sums += Ints(multiply_words(pairs, ones));
    }
    return sums;
  }
#elif defined(UPBEAT_KERNELS_NEON)
  int32x4_t sums = vdupq_n_s32(start);
#pragma GCC unroll 8
  for (int group = 0; group < kGroups; group++) {
    const int8x16_t weight = vreinterpretq_s8_u8(weights[group]);
    const int8x16_t input = vreinterpretq_s8_s32(group_inputs(inputs, group));
#if defined(__ARM_FEATURE_DOTPROD)
    sums = vdotq_s32(sums, weight, input);
#else
    const int16x8_t low = vmull_s8(vget_low_s8(weight), vget_low_s8(input));
    const int16x8_t high = vmull_high_s8(weight, input);
    sums = vaddq_s32(sums, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
#endif
  }
  return sums;
#else
  Ints sums = broadcast_int(start);
  for (int group = 0; group < kGroups; group++) {
    for (int output = 0; output < kOutputs; output++) {
      int32_t sum = 0;
      for (int i = 0; i < 4; i++) {
        const int weight = kProducts == Products::wide ? int(int8_t(weights[group][4 * output + i]))
                                                       : int(weights[group][4 * output + i]);
        sum += weight * inputs[4 * group + i];
      }
      sums[output] += sum;
    }
  }
  return sums;
#endif
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
