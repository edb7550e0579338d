// The shared memory of a block that samples, and what its threads compute together: sums and maxima of whole numbers,
// which have one result in any order.
#pragma once

#include "cuda/kernels/common/reduce.cuh"
#include "cuda/kernels/sampling/row.cuh"

namespace upbeat {

inline constexpr int kBins = 2048;  // of a histogram
inline constexpr int kList = 1024;  // candidates that are compared one by one
static_assert(kBins % kSampleThreads == 0 && kList <= kSampleThreads);

struct SampleRoom {
  Shared<float> floats;              // [kSampleWarps]
  Shared<unsigned long long> words;  // [kSampleWarps]: one of each warp, or broadcasts
  Shared<uint32_t> low, high;        // [kBins]: the halves of 64-bit sums
  Shared<unsigned long long> keys;   // [kList]
  Shared<uint32_t> count;            // [1]
};

// The largest value of all threads, for every thread. Barriers before and after.
__device__ inline float block_max(float value, const SampleRoom& room) {
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  value = warp_max(value);
  __syncthreads();
  if (lane == 0) room.floats[warp] = value;
  __syncthreads();
  return warp_max(lane < kSampleWarps ? float(room.floats[lane]) : -INFINITY);
}

struct Sum {
  __device__ uint64_t operator()(uint64_t a, uint64_t b) const { return a + b; }
};

struct Largest {
  __device__ uint64_t operator()(uint64_t a, uint64_t b) const { return a > b ? a : b; }
};

// Combines a number of each lane, for every lane.
template <typename Combine>
__device__ uint64_t warp_combine(uint64_t value) {
  for (int distance = 16; distance > 0; distance /= 2) {
    value = Combine()(value, __shfl_xor_sync(kAllLanes, static_cast<unsigned long long>(value), distance));
  }
  return value;
}

// Combines a number of each thread, for every thread; 0 changes nothing. Barriers before and after.
template <typename Combine>
__device__ uint64_t block_combine(uint64_t value, const SampleRoom& room) {
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  value = warp_combine<Combine>(value);
  __syncthreads();
  if (lane == 0) room.words[warp] = static_cast<unsigned long long>(value);
  __syncthreads();
  return warp_combine<Combine>(lane < kSampleWarps ? uint64_t(room.words[lane]) : 0);
}

__device__ inline uint64_t warp_total(uint64_t value) { return warp_combine<Sum>(value); }
__device__ inline uint64_t block_total(uint64_t value, const SampleRoom& room) {
  return block_combine<Sum>(value, room);
}
__device__ inline uint64_t block_best(uint64_t value, const SampleRoom& room) {
  return block_combine<Largest>(value, room);
}

// The sum over the threads before this one. Barriers before and after.
__device__ inline uint64_t block_sum_before(uint64_t value, const SampleRoom& room) {
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  uint64_t inclusive = value;
  for (int distance = 1; distance < 32; distance *= 2) {
    const uint64_t lower = __shfl_up_sync(kAllLanes, static_cast<unsigned long long>(inclusive), unsigned(distance));
    if (lane >= distance) inclusive += lower;
  }
  __syncthreads();
  if (lane == 31) room.words[warp] = static_cast<unsigned long long>(inclusive);
  __syncthreads();
  return warp_total(lane < warp ? uint64_t(room.words[lane]) : 0) + inclusive - value;
}

// Adds to a 64-bit sum by a 32-bit atomic operation, and a second one for the few carries. Shared memory has no 64-bit
// addition: it would compile to a loop of compare and swap.
__device__ inline void add_to_bin(const SampleRoom& room, int bin, uint32_t value) {
  const uint32_t before = atomic_add(room.low + bin, value);
  if (before > ~value) atomic_add(room.high + bin, 1u);
}

__device__ inline uint64_t bin_sum(const SampleRoom& room, int bin) {
  return uint64_t(uint32_t(room.high[bin])) << 32 | uint32_t(room.low[bin]);
}

}  // namespace upbeat
