// A weight matrix of a device: its packed elements, and which of its rows are loaded.
#pragma once

#include <cstdint>

#include "abi/loading/row_ranges.h"
#include "abi/objects/memory.h"
#include "abi/types/packed_weight.h"

namespace upbeat {

class Device;

class Weight {
 public:
  // Allocates `bytes` for the matrix; -1 for more than there can be. Throws ApiError OUT_OF_MEMORY.
  Weight(Device& device, const PackedWeight& layout, int64_t bytes);

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

// Bytes of padded_rows x layout.padded_columns elements; -1 where they do not fit 64 bits.
int64_t dense_weight_bytes(const PackedWeight& layout, int64_t padded_rows);

}  // namespace upbeat
