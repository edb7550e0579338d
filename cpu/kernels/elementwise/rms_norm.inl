// Root mean square normalisation (Zhang and Sennrich 2019).
//
// The squares of a row are summed in four vectors of sixteen lanes: element i goes to lane i % 16 of vector (i / 16)
// % 4. The vectors are added as (0 + 1) + (2 + 3), then the lanes as a tree. This order depends on the row's length
// only.
#pragma once

#include "cpu/kernels/common/math.inl"
#include "cpu/kernels/common/scratch.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

inline float sum_of_squares(const float* input, int columns) {
  F32x16 sums[4] = {F32x16::zero(), F32x16::zero(), F32x16::zero(), F32x16::zero()};
  int i = 0;
  for (; i + 4 * kLanes <= columns; i += 4 * kLanes) {
    for (int part = 0; part < 4; part++) {
      const F32x16 x = F32x16::load(input + i + part * kLanes);
      sums[part] = fma(x, x, sums[part]);
    }
  }
  for (int part = 0; i < columns; part++, i += kLanes) {
    const int rest = columns - i;
    const F32x16 x = rest >= kLanes ? F32x16::load(input + i) : load_tail(input + i, rest);
    sums[part] = fma(x, x, sums[part]);
  }
  return sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

// output may be input.
inline void rms_norm_row(const float* input, const float* weight, float epsilon, int columns, float* output) {
  const float mean = sum_of_squares(input, columns) / float(columns);
  const F32x16 inverse = F32x16::broadcast(1.0f / __builtin_sqrtf(mean + epsilon));
  int i = 0;
  for (; i + kLanes <= columns; i += kLanes) {
    (F32x16::load(input + i) * inverse * F32x16::load(weight + i)).store(output + i);
  }
  if (const int rest = columns - i) {
    store_tail(load_tail(input + i, rest) * inverse * load_tail(weight + i, rest), output + i, rest);
  }
}

inline bool rms_norm(const RmsNormArguments& arguments, ThreadPool& pool, Fault&) {
  const int64_t columns = arguments.columns;
  for_ranges(pool, arguments.rows, grain_of(columns), [&](int begin, int end) {
    for (int64_t row = begin; row < end; row++) {
      rms_norm_row(arguments.input + row * columns, arguments.weight, arguments.epsilon, int(columns),
                   arguments.output + row * columns);
    }
  });
  return true;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
