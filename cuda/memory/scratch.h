// Device memory for intermediate results of kernels: one piece that grows, the pieces it has outgrown, and counters.
//
// It belongs to a stream or to a graph, whose launches run one after the other. Enqueued work may still use an outgrown
// piece, so it is kept; each piece is at least twice as large as the one before. A capture makes the stream's own piece
// as large as the graph's, so capturing the largest steps, without running them, allocates all memory in advance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "abi/objects/memory.h"

namespace upbeat {

class CudaDevice;

class Scratch {
 public:
  // At least `bytes`, of undefined content. Throws ApiError OUT_OF_MEMORY.
  std::byte* reserve(CudaDevice& device, int64_t bytes);

  // At least `count` counters, zero whenever no kernel uses them: a kernel resets those that it has used.
  int32_t* counters(CudaDevice& device, int64_t count);

  // As much of both as `other` has. Throws ApiError OUT_OF_MEMORY.
  void reserve_like(CudaDevice& device, const Scratch& other);

 private:
  std::byte* grow(std::vector<Memory>& pieces, CudaDevice& device, int64_t bytes, const char* what);

  std::vector<Memory> pieces_;
  std::vector<Memory> counters_;
};

}  // namespace upbeat
