// A weight matrix of a device: its packed elements, and which of its rows have been given to it.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/kernels.h"
#include "memory.h"

namespace upbeat {

class Device;

// Disjoint ranges of rows.
class RowRanges {
 public:
  bool overlaps(int32_t first, int32_t count) const;
  void reserve() { ranges_.reserve(ranges_.size() + 1); }  // the next add() cannot fail
  void add(int32_t first, int32_t count);                  // must not overlap
  int32_t covered() const { return covered_; }
  // The first row that is in no range.
  int32_t first_missing() const;

 private:
  std::vector<std::pair<int32_t, int32_t>> ranges_;  // first and end, ascending, never touching
  int32_t covered_ = 0;
};

class Weight {
 public:
  // Throws ApiError for sizes beyond what can be allocated.
  Weight(Device& device, Dtype dtype, int32_t rows, int32_t columns);

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
