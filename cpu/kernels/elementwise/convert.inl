// Elements of any dtype to F32.
#pragma once

#include "cpu/kernels/common/simd.h"
#include "cpu/kernels/kernels.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// The same operation for every element, whatever the count: the last few go through a padded block.
template <typename Element>
void convert_range(const uint8_t* source, int64_t count, float* destination) {
  Element block[kLanes];
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    std::memcpy(block, source + i * sizeof(Element), sizeof block);
    load_lanes(block).store(destination + i);
  }
  if (i == count) return;
  float converted[kLanes];
  std::memset(block, 0, sizeof block);
  std::memcpy(block, source + i * sizeof(Element), size_t(count - i) * sizeof(Element));
  load_lanes(block).store(converted);
  std::memcpy(destination + i, converted, size_t(count - i) * sizeof(float));
}

inline bool convert(const ConvertArguments& arguments, ThreadPool& pool, Fault&) {
  constexpr int64_t kChunk = 1 << 16;
  const size_t element_bytes = dtype_bytes(arguments.dtype);
  const uint8_t* source = static_cast<const uint8_t*>(arguments.source);
  pool.run(int((arguments.count + kChunk - 1) / kChunk), [&](int task, int) {
    const int64_t start = task * kChunk;
    const int64_t count = arguments.count - start < kChunk ? arguments.count - start : kChunk;
    const uint8_t* from = source + size_t(start) * element_bytes;
    float* to = arguments.destination + start;
    switch (arguments.dtype) {
      case Dtype::f32:
        std::memcpy(to, from, size_t(count) * sizeof(float));
        break;
      case Dtype::f16:
        convert_range<F16>(from, count, to);
        break;
      case Dtype::bf16:
        convert_range<Bf16>(from, count, to);
        break;
    }
  });
  return true;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
