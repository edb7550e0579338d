// A weight matrix of a device: its elements, and which of its rows have been given to it.
#pragma once

#include <cstdint>

#include "abi/loading/row_ranges.h"
#include "cuda/memory/memory.h"
#include "cuda/memory/packed_weight.h"

namespace upbeat {

class Device;

class Weight {
 public:
  // Throws ApiError for sizes beyond what can be allocated.
  Weight(Device& device, Dtype dtype, int32_t rows, int32_t columns, Dtype input);

  Device& device() const { return device_; }
  const PackedWeight& packed() const { return packed_; }
  int64_t bytes() const { return memory_.bytes(); }
  RowRanges& loaded() { return loaded_; }

 private:
  Device& device_;
  PackedWeight packed_;
  Memory memory_;
  RowRanges loaded_;
};

}  // namespace upbeat
