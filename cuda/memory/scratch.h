// CudaDevice memory for the intermediate results of a launch: one piece that grows, what it has outgrown, and counters.
//
// It belongs to a stream, whose launches follow each other, or to a graph, whose runs do. A piece that was outgrown may
// still be in use by what is enqueued, so it is kept; each is at least twice as long as the one before. What is
// captured on a stream makes the stream's own piece as large as the graph's: so whoever captures what is to come, and
// never runs it, has it all allocated beforehand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "abi/objects/memory.h"

namespace upbeat {

class CudaDevice;

class Scratch {
 public:
  // At least `bytes`, with any content. Throws ApiError OUT_OF_MEMORY.
  std::byte* reserve(CudaDevice& device, int64_t bytes);

  // At least `count` counters, zero whenever no kernel runs that was given them: who counts with one sets it back.
  int32_t* counters(CudaDevice& device, int64_t count);

  // As much of both as another one has. Throws ApiError OUT_OF_MEMORY.
  void reserve_like(CudaDevice& device, const Scratch& other);

 private:
  std::byte* grow(std::vector<Memory>& pieces, CudaDevice& device, int64_t bytes, const char* what);

  std::vector<Memory> pieces_;
  std::vector<Memory> counters_;
};

}  // namespace upbeat
