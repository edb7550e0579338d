// The exponential over sixteen lanes. A single value is computed as a lane, so it has the same bits in every kernel.
#pragma once

#include "cpu/kernels/common/simd.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// exp(r) * 2^n for |r| <= ln(2) / 2: a polynomial of degree 6 that interpolates exp at Chebyshev nodes (5e-9 off).
inline F32x16 exp_reduced(F32x16 r, F32x16 n) {
  const F32x16 one = F32x16::broadcast(1.0f);
  F32x16 p = F32x16::broadcast(1.393368586e-3f);
  p = fma(p, r, F32x16::broadcast(8.369184382e-3f));
  p = fma(p, r, F32x16::broadcast(4.166646460e-2f));
  p = fma(p, r, F32x16::broadcast(1.666650494e-1f));
  p = fma(p, r, F32x16::broadcast(5.000000013e-1f));
  return times_exp2(fma(fma(p, r, one), r, one), n);
}

// exp(x) within 2 ulp where the result is a normal number; exactly 1 at 0; 0 below -87.33 (so at -infinity) and for
// NaN; above 88.37 it stays at exp(88.37), which is finite. The argument is reduced to n ln 2 + r (Cody and Waite
// 1980).
inline F32x16 exp(F32x16 x) {
  const F32x16 bounded = min(x, F32x16::broadcast(88.37626f));
  const F32x16 n = round(bounded * F32x16::broadcast(1.44269504f));
  F32x16 r = fma(n, F32x16::broadcast(-0.693359375f), bounded);
  r = fma(n, F32x16::broadcast(2.12194440e-4f), r);
  return select_greater_equal(x, F32x16::broadcast(-87.336544f), exp_reduced(r, n), F32x16::zero());
}

// 2^x for x <= 0, likewise: exactly 1 at 0, 0 below -126 and for NaN.
inline F32x16 exp2_of_negative(F32x16 x) {
  const F32x16 n = round(x);
  const F32x16 r = (x - n) * F32x16::broadcast(0.693147181f);
  return select_greater_equal(x, F32x16::broadcast(-126.0f), exp_reduced(r, n), F32x16::zero());
}

inline float exp(float x) {
  float lanes[kLanes];
  exp(F32x16::broadcast(x)).store(lanes);
  return lanes[0];
}

// `count` values below kLanes, then zeros.
inline F32x16 load_tail(const float* p, int count) {
  float lanes[kLanes] = {0};
  std::memcpy(lanes, p, size_t(count) * sizeof(float));
  return F32x16::load(lanes);
}

inline void store_tail(F32x16 a, float* p, int count) {
  float lanes[kLanes];
  a.store(lanes);
  std::memcpy(p, lanes, size_t(count) * sizeof(float));
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
