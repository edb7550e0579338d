// A row to sample: its parameters, its logits, and the order of its candidates.
#pragma once

#include "cuda/kernels/common/fault.cuh"
#include "cuda/kernels/common/reduce.cuh"
#include "cuda/kernels/kernels.h"
#include "ffi/upbeat.h"

namespace upbeat {

inline constexpr int kSampleThreads = 1024;
inline constexpr int kSampleWarps = kSampleThreads / 32;

// exp(x) exactly as the CPU library computes it (cpu/kernels/common/math.inl): within 2 ulp, exactly 1 at 0, 0 below
// -87.33 and for NaN. The sampler's weights are rounded from it, so that both libraries draw the same tokens.
__device__ inline float sampling_exp(float x) {
  if (!(x >= -87.336544f)) return 0.0f;
  const float bounded = x < 88.37626f ? x : 88.37626f;
  const float n = rintf(bounded * 1.44269504f);
  float r = fmaf(n, -0.693359375f, bounded);
  r = fmaf(n, 2.12194440e-4f, r);
  float p = 1.393368586e-3f;
  p = fmaf(p, r, 8.369184382e-3f);
  p = fmaf(p, r, 4.166646460e-2f);
  p = fmaf(p, r, 1.666650494e-1f);
  p = fmaf(p, r, 5.000000013e-1f);
  return fmaf(fmaf(p, r, 1.0f), r, 1.0f) * __uint_as_float(uint32_t(int32_t(n) + 127) << 23);
}

__device__ inline float without_nan(float value) { return value == value ? value : -INFINITY; }

// A candidate as a number: the logit's bits, mapped so that they compare as integers, above the complement of its id.
// All differ, and larger is better: by logit, then by lower id.
__device__ inline uint64_t candidate_key(float logit, int32_t id) {
  const uint32_t bits = __float_as_uint(logit + 0.0f);  // -0 counts as +0
  const uint32_t ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return uint64_t(ordered) << 32 | uint32_t(~uint32_t(id));
}

__device__ inline int32_t key_id(uint64_t key) { return int32_t(~uint32_t(key)); }

// The parameters of one row.
struct SampleRow {
  Global<const float> logits;
  Global<const float> floats;
  Global<const int32_t> ints;
  int index;
  int vocabulary;

  __device__ float value(int column) const { return floats[column]; }
  __device__ int32_t control(int column) const { return ints[column]; }
  __device__ bool has_penalties() const {
    return value(UPBEAT_SAMPLING_REPETITION_PENALTY) != 1.0f || value(UPBEAT_SAMPLING_PRESENCE_PENALTY) != 0.0f ||
           value(UPBEAT_SAMPLING_FREQUENCY_PENALTY) != 0.0f;
  }
  __device__ bool has_bias() const { return control(UPBEAT_SAMPLING_BIAS_COUNT) > 0; }
};

// The logits that a token is chosen by: raw, or with bias and penalties. If any is infinite, all infinite ones count
// the same and the rest not at all.
struct ChoiceLogits {
  Global<const float> values;
  bool infinite;

  __device__ float of(float raw) const {
    const float value = without_nan(raw);
    return !infinite ? value : value == INFINITY ? 0.0f : -INFINITY;
  }
  __device__ float operator()(int id) const { return of(values[id]); }
};

// Logits are visited in packs of four, one load each where the rows are aligned.
inline constexpr int kPack = 4;

__host__ __device__ inline int packs_of(int vocabulary) { return (vocabulary + kPack - 1) / kPack; }

// visit(id, logit) for the ids of pack `pack`, in ascending order.
template <typename Visit>
__device__ void visit_pack(const ChoiceLogits& logits, int vocabulary, int pack, Visit&& visit) {
  const int first = pack * kPack;
  if (vocabulary % kPack == 0) {
    const Pack<float, kPack> loaded = load_pack<kPack>(logits.values + first);
#pragma unroll
    for (int i = 0; i < kPack; i++) visit(first + i, logits.of(loaded.v[i]));
    return;
  }
  for (int id = first; id < first + kPack && id < vocabulary; id++) visit(id, logits(id));
}

// visit(id, logit) for all ids. A thread takes every kSampleThreads-th pack, in ascending order.
template <typename Visit>
__device__ void visit_logits(const ChoiceLogits& logits, int vocabulary, Visit&& visit) {
  const int packs = packs_of(vocabulary);
#pragma unroll 4
  for (int pack = int(threadIdx.x); pack < packs; pack += kSampleThreads) visit_pack(logits, vocabulary, pack, visit);
}

}  // namespace upbeat
