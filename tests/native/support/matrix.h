// Matrices of every dtype, row-major and packed, for the tests of kernels that read weights.
#pragma once

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "cpu/kernels/linear/weight_layout.h"
#include "tests/native/support/kernels.h"

namespace upbeat::amx_emulated {
extern const KernelSet kernels;
}

// The kernel sets of this machine, and the emulated tile registers, which have kernels for BF16 weights only.
inline std::vector<const upbeat::KernelSet*> weight_kernel_sets() {
  std::vector<const upbeat::KernelSet*> sets = kernel_sets();
#if defined(__x86_64__)
  if (upbeat::kernel_set(UPBEAT_SIMD_AVX512) != nullptr) sets.push_back(&upbeat::amx_emulated::kernels);
#endif
  return sets;
}

inline bool is_emulated(const upbeat::KernelSet& kernels) { return kernels.convert == nullptr; }

// The dtypes of weights that a set has kernels for.
inline std::vector<upbeat::Dtype> weight_dtypes(const upbeat::KernelSet& kernels) {
  using upbeat::Dtype;
  return is_emulated(kernels) ? std::vector{Dtype::bf16} : std::vector{Dtype::f32, Dtype::f16, Dtype::bf16};
}

// Whether the set multiplies weights of this dtype in tile registers.
inline bool uses_tiles(const upbeat::KernelSet& kernels, upbeat::Dtype dtype) {
  return std::strncmp(kernels.name, "AMX", 3) == 0 && dtype == upbeat::Dtype::bf16;
}

inline float bits_to_float(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

inline uint32_t float_to_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

// Equal bits, or both NaN.
inline bool same_value(float a, float b) { return a != a ? b != b : float_to_bits(a) == float_to_bits(b); }

// From the format's definition, without the bit tricks of the kernels.
inline float f16_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const float sign = bits & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return mantissa != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(float(mantissa), -24);
  return sign * std::ldexp(float(1024 + mantissa), exponent - 25);
}

inline float element_value(upbeat::Dtype dtype, const uint8_t* element) {
  if (dtype == upbeat::Dtype::f32) {
    float value;
    std::memcpy(&value, element, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, element, 2);
  return dtype == upbeat::Dtype::bf16 ? bits_to_float(uint32_t(bits) << 16) : f16_value(bits);
}

// A row-major matrix of random elements in [-1, 1). Every allocation is exact, so that a sanitizer sees a read past its
// end.
struct Matrix {
  upbeat::Dtype dtype;
  int rows;
  int columns;
  std::vector<uint8_t> bytes;

  Matrix(upbeat::Dtype d, int r, int c, Random& random)
      : dtype(d), rows(r), columns(c), bytes(size_t(r) * c * upbeat::dtype_bytes(d)) {
    for (size_t i = 0; i < size_t(rows) * columns; i++) {
      set(i, float(int64_t(random.next() >> 40) - (1 << 23)) * 0x1p-23f);
    }
  }

  // Stores a value, truncated to the dtype.
  void set(size_t index, float value) {
    if (dtype == upbeat::Dtype::f32) {
      std::memcpy(&bytes[index * 4], &value, 4);
      return;
    }
    const uint16_t bits = dtype == upbeat::Dtype::bf16 ? uint16_t(float_to_bits(value) >> 16) : to_f16(value);
    std::memcpy(&bytes[index * 2], &bits, 2);
  }

  float at(int row, int column) const {
    return element_value(dtype, &bytes[(size_t(row) * columns + column) * upbeat::dtype_bytes(dtype)]);
  }

  // Of an F32 matrix.
  const float* floats() const { return reinterpret_cast<const float*>(bytes.data()); }

 private:
  static uint16_t to_f16(float value) {
    int exponent = 0;
    const float fraction = std::frexp(std::fabs(value), &exponent);
    uint16_t bits = 0;
    if (value != value) {
      bits = 0x7e00;
    } else if (std::isinf(value)) {
      bits = 0x7c00;
    } else if (exponent > -14) {
      bits = uint16_t(((exponent + 14) << 10) | (int(fraction * 2048) & 1023));
    }
    return std::signbit(value) ? bits | 0x8000 : bits;
  }
};

struct FreeDeleter {
  void operator()(void* p) const { std::free(p); }
};

// An empty weight in a kernel set's layout.
struct Packed {
  std::unique_ptr<void, FreeDeleter> memory;
  upbeat::PackedWeight weight;

  Packed(const upbeat::KernelSet& kernels, upbeat::Dtype dtype, int rows, int columns)
      : weight(kernels.packed_weight({dtype}, rows, columns)) {
    memory.reset(std::aligned_alloc(64, upbeat::packed_bytes(weight)));  // a panel line is a multiple of 64 bytes
    std::memset(memory.get(), 0, upbeat::packed_bytes(weight));
    weight.data = memory.get();
  }

  // Packs rows [first, first + count) from an odd address: files align nothing.
  void fill(const upbeat::KernelSet& kernels, upbeat::ThreadPool& pool, const Matrix& matrix, int first, int count) {
    const size_t row_bytes = size_t(matrix.columns) * upbeat::dtype_bytes(matrix.dtype);
    std::vector<uint8_t> source(1 + row_bytes * count);
    std::memcpy(source.data() + 1, &matrix.bytes[row_bytes * first], row_bytes * count);
    run_kernel<upbeat::PackArguments>(kernels.pack, {weight, source.data() + 1, {first, count, 0}}, pool);
  }
};
