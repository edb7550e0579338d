// Inputs as int8: each row in steps of 32 with one scale, the largest magnitude / 127, rounded to nearest, ties to
// even.
#pragma once

#include "cpu/kernels/common/scratch.inl"
#include "cpu/kernels/quantized/block_layout.h"
#include "cpu/kernels/quantized/byte_lanes.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// One step of a row: a cache line.
struct alignas(64) InputStep {
  int8_t values[kStepColumns];
  float scale;
  float sums[2];      // scale * the sum of the values of each run; of one run in the first
  int32_t starts[2];  // of the sums of products of each run: what the zero of the weights' levels subtracts
};

// What the weights' format asks of the inputs.
struct InputForm {
  int run;   // inputs that share a scale of the weights: 16 or 32
  int zero;  // of levels
};

// The start of a run's sums: minus zero times the sum of its inputs, or of those that each of two 16-bit sums takes.
inline int32_t start_of(const int8_t* values, int count, int zero) {
  int sums[2] = {0, 0};
  for (int k = 0; k < count; k++) sums[k / 2 % 2] += values[k];
  if (!kPairsOfSums) return -zero * (sums[0] + sums[1]);
  return int32_t(uint32_t(uint16_t(-zero * sums[0])) | uint32_t(uint16_t(-zero * sums[1])) << 16);
}

inline void quantize_step(const float* input, const InputForm& form, InputStep& step) {
  const F32x16 low = F32x16::load(input), high = F32x16::load(input + kLanes);
  const F32x16 zero = F32x16::zero();
  const F32x16 sizes = max(max(low, zero - low), max(high, zero - high));
  const float largest = maximum(sizes);
  // The difference of a number and itself is 0, and NaN for infinities and NaN.
  const bool finite = sum((low - low) + (high - high)) == 0.0f;
  // Below, the factor would overflow.
  const float factor = largest >= 0x1p-119f ? 127.0f / largest : 0.0f;
  step.scale = finite ? (factor > 0 ? largest / 127.0f : 0.0f) : __builtin_nanf("");
  int32_t rounded[kStepColumns] = {};
  if (finite && factor > 0) {
    store_int32(low * F32x16::broadcast(factor), rounded);
    store_int32(high * F32x16::broadcast(factor), rounded + kLanes);
  }
  for (int k = 0; k < kStepColumns; k++) step.values[k] = int8_t(rounded[k]);
  for (int first = 0; first < kStepColumns; first += form.run) {
    int sum = 0;
    for (int k = first; k < first + form.run; k++) sum += rounded[k];
    step.sums[first / form.run] = step.scale * float(sum);
    step.starts[first / form.run] = start_of(step.values + first, form.run, form.zero);
  }
}

// Most rows of a block: their steps and sums stay in the first-level cache.
inline constexpr int kInt8BlockRows = 128;

// All inputs of a call: for each block of rows, [step][row].
struct QuantizedInput {
  InputStep* steps;
  int rows;
  int row_steps;  // of a row

  InputStep* block(const EvenPart& part) const { return steps + size_t(part.start) * size_t(row_steps); }
};

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
