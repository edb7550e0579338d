// Which row of a file is which row of a matrix.
#pragma once

#include <cstdint>

namespace upbeat {

// Rows [first, first + count) of a matrix, from consecutive rows of a file. They come in order or, where `paired` is
// above 0, in groups of that many: row 2j + t of a group in the file (t is 0 or 1) is its row j + t * paired / 2 in the
// matrix. `paired` is even and divides `count`.
struct RowOrder {
  int32_t first;
  int32_t count;
  int32_t paired;

  // The row of the matrix, counted from `first`, that row `index` of the file is.
  [[gnu::always_inline]] constexpr int32_t row_of(int32_t index) const {
    if (paired == 0) return index;
    const int32_t within = index % paired;
    return index - within + within / 2 + within % 2 * (paired / 2);
  }

  // The index in the file, from 0, of row `row` of the matrix.
  [[gnu::always_inline]] constexpr int32_t source_of(int32_t row) const {
    const int32_t index = row - first;
    if (paired == 0) return index;
    const int32_t within = index % paired, half = paired / 2;
    return index - within + within % half * 2 + within / half;
  }
};

}  // namespace upbeat
