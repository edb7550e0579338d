// One element of any dtype as a float.
#pragma once

#include "cpu/kernels/common/simd.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

inline float read_element(const float* p) { return *p; }
inline float read_element(const Bf16* p) { return f32_from_bf16(p->bits); }
inline float read_element(const F16* p) { return f32_from_f16(p->bits); }

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
