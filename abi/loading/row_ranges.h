// Which rows of a matrix are loaded.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace upbeat {

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

}  // namespace upbeat
