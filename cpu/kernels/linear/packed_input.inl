// The input rows of one call, packed for its register tiles (the "packed A" of BLIS): for each block of inputs, tile
// after tile, within a tile [k][row]. So a tile reads one stream, whatever the stride of the rows. Filled once per call
// by all workers, then read by all.
#pragma once

#include "abi/platform/platform.h"
#include "cpu/kernels/common/simd.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// `bytes` in huge pages where the system provides them, or null. To be freed with free_aligned().
inline void* allocate_huge(size_t bytes) {
  constexpr size_t kHugePage = size_t(2) << 20;
  const size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* memory = platform::allocate_aligned(kHugePage, rounded);
  if (memory != nullptr) platform::advise_huge_pages(memory, rounded);
  return memory;
}

// Grows to the largest call.
struct PackedInputMemory {
  float* data = nullptr;
  size_t capacity = 0;

  PackedInputMemory() = default;
  PackedInputMemory(const PackedInputMemory&) = delete;
  PackedInputMemory& operator=(const PackedInputMemory&) = delete;
  ~PackedInputMemory() { platform::free_aligned(data); }

  float* reserve(size_t bytes) {
    if (bytes <= capacity) return data;
    platform::free_aligned(data);
    data = static_cast<float*>(allocate_huge(bytes));
    capacity = data != nullptr ? bytes : 0;
    return data;
  }
};

// The memory of the thread that calls the op, for all element types.
inline PackedInputMemory& packed_input_memory() {
  static thread_local PackedInputMemory memory;
  return memory;
}

// interleave_rows() for few enough inputs that the output stays in the first-level cache.
inline void interleave_block(const float* input, size_t stride, int rows, int depth, float* output) {
  typedef float Floats4 __attribute__((vector_size(16)));
  int row = 0;
  for (; row + 4 <= rows; row += 4) {
    const float* from = input + size_t(row) * stride;
    float* to = output + row;
    int k = 0;
    for (; k + 4 <= depth; k += 4, from += 4, to += 4 * rows) {
      Floats4 in[4], out[4];
      for (int i = 0; i < 4; i++) std::memcpy(&in[i], from + size_t(i) * stride, sizeof in[i]);
      const Floats4 low01 = __builtin_shufflevector(in[0], in[1], 0, 4, 1, 5);
      const Floats4 low23 = __builtin_shufflevector(in[2], in[3], 0, 4, 1, 5);
      const Floats4 high01 = __builtin_shufflevector(in[0], in[1], 2, 6, 3, 7);
      const Floats4 high23 = __builtin_shufflevector(in[2], in[3], 2, 6, 3, 7);
      out[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
      out[1] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
      out[2] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
      out[3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
      for (int i = 0; i < 4; i++) std::memcpy(to + i * rows, &out[i], sizeof out[i]);
    }
    for (; k < depth; k++, from++, to += rows) {
      for (int i = 0; i < 4; i++) to[i] = from[size_t(i) * stride];
    }
  }
  for (; row < rows; row++) {
    for (int k = 0; k < depth; k++) output[k * rows + row] = input[size_t(row) * stride + size_t(k)];
  }
}

// output[k][row] = input[row][k], where rows of the input are `stride` apart.
inline void interleave_rows(const float* input, size_t stride, int rows, int depth, float* output) {
  constexpr int kBlock = 64;
  for (int k = 0; k < depth; k += kBlock) {
    interleave_block(input + k, stride, rows, depth - k < kBlock ? depth - k : kBlock, output + k * rows);
  }
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
