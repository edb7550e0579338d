// Shared by the kernel tests: the kernel sets of this machine, thread pools of several sizes, and seeded random
// numbers.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "cpu/kernels/kernels.h"
#include "ffi/upbeat.h"
#include "tests/native/support/check.h"

inline std::vector<const upbeat::KernelSet*> kernel_sets() {
  std::vector<const upbeat::KernelSet*> sets;
  for (int32_t simd : {UPBEAT_SIMD_PORTABLE, UPBEAT_SIMD_AVX2, UPBEAT_SIMD_AVX512, UPBEAT_SIMD_AMX, UPBEAT_SIMD_NEON}) {
    if (const upbeat::KernelSet* set = upbeat::kernel_set(simd)) sets.push_back(set);
  }
  return sets;
}

// A pool of 1 to 3 threads, started once.
inline upbeat::ThreadPool& pool_of(int threads) {
  static upbeat::ThreadPool one(1), two(2), three(3);
  return threads == 1 ? one : threads == 2 ? two : three;
}

// SplitMix64 (Steele, Lea and Flood 2014).
struct Random {
  uint64_t state;
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next() {
    uint64_t z = (state += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  int below(int bound) { return int(next() % uint64_t(bound)); }
  int between(int low, int high) { return low + below(high - low + 1); }
  double uniform() { return double(next() >> 11) * 0x1p-53; }
  float normal() {
    return float(std::sqrt(-2 * std::log(uniform() + 1e-300)) * std::cos(6.283185307179586 * uniform()));
  }
  std::vector<float> normals(size_t count, float scale = 1) {
    std::vector<float> values(count);
    for (float& value : values) value = scale * normal();
    return values;
  }
};

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// The value that a BF16 cache stores: rounded to nearest even.
inline float through_bf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  bits = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
  std::memcpy(&value, &bits, 4);
  return value;
}

// Runs a kernel that must not fault.
template <typename Arguments>
void run_kernel(upbeat::Kernel<Arguments> kernel, const Arguments& arguments, upbeat::ThreadPool& pool) {
  upbeat::Fault fault;
  if (!kernel(arguments, pool, fault)) check::fail(__FILE__, __LINE__, std::string("fault: ") + fault.message);
}

// Runs a kernel that must fault, and checks its message.
template <typename Arguments>
void check_fault(upbeat::Kernel<Arguments> kernel, const Arguments& arguments, const char* words) {
  upbeat::Fault fault;
  CHECK(!kernel(arguments, pool_of(1), fault));
  if (!std::strstr(fault.message, words)) {
    check::fail(__FILE__, __LINE__, std::string("message lacks '") + words + "': " + fault.message);
  }
}
