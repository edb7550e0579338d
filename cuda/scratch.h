// Device memory for the intermediate results of a launch: one piece that grows, and what it has outgrown.
//
// It belongs to a stream, whose launches follow each other, or to a graph, whose runs do. A piece that was outgrown may
// still be in use by what is enqueued, so it is kept; each is at least twice as long as the one before. What is
// captured on a stream makes the stream's own piece as large as the graph's: so whoever captures what is to come, and
// never runs it, has it all allocated beforehand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "memory.h"

namespace upbeat {

class Device;

class Scratch {
 public:
  // At least `bytes`, with any content. Throws ApiError OUT_OF_MEMORY.
  std::byte* reserve(Device& device, int64_t bytes);

  // The most that was asked for, or more.
  int64_t bytes() const { return pieces_.empty() ? 0 : pieces_.back().bytes(); }

 private:
  std::vector<Memory> pieces_;
};

}  // namespace upbeat
