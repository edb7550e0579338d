// Adjoining ranges are merged.
#include "abi/loading/row_ranges.h"

#include <algorithm>

namespace upbeat {

bool RowRanges::overlaps(int32_t first, int32_t count) const {
  const int32_t end = first + count;
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&](const auto& range) { return first < range.second && range.first < end; });
}

void RowRanges::add(int32_t first, int32_t count) {
  auto at = std::lower_bound(ranges_.begin(), ranges_.end(), std::pair(first, first));
  at = ranges_.insert(at, {first, first + count});
  covered_ += count;
  if (at + 1 != ranges_.end() && at->second == (at + 1)->first) {
    at->second = (at + 1)->second;
    ranges_.erase(at + 1);
  }
  if (at != ranges_.begin() && (at - 1)->second == at->first) {
    (at - 1)->second = at->second;
    ranges_.erase(at);
  }
}

int32_t RowRanges::first_missing() const {
  return ranges_.empty() || ranges_.front().first > 0 ? 0 : ranges_.front().second;
}

}  // namespace upbeat
