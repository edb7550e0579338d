// Copies by index: rows of activations, and tokens from and to the token table.
#pragma once

#include "cpu/kernels/common/scratch.inl"
#include "ffi/upbeat.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

inline bool gather_rows(const GatherRowsArguments& arguments, ThreadPool& pool, Fault& fault) {
  for (int row = 0; row < arguments.rows; row++) {
    const int index = arguments.indices[row];
    if (index >= arguments.input_rows) {
      return fail(fault, "gather_rows: index %d of row %d is outside the input of %d rows", index, row,
                  arguments.input_rows);
    }
  }
  const int64_t columns = arguments.columns;
  for_ranges(pool, arguments.rows, grain_of(columns), [&](int begin, int end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t index = arguments.indices[row];
      float* to = arguments.output + row * columns;
      if (index < 0) {
        std::memset(to, 0, size_t(columns) * sizeof(float));
      } else {
        std::memcpy(to, arguments.input + index * columns, size_t(columns) * sizeof(float));
      }
    }
  });
  return true;
}

inline bool gather_tokens(const GatherTokensArguments& arguments, ThreadPool&, Fault& fault) {
  for (int row = 0; row < arguments.rows; row++) {
    const int source = arguments.sources[row];
    if (source >= arguments.table_length) {
      return fail(fault, "gather_tokens: source %d of row %d is outside the token table of %d", source, row,
                  arguments.table_length);
    }
    arguments.output[row] = source < 0 ? UPBEAT_TOKEN_PADDING : arguments.table[source];
  }
  return true;
}

inline bool scatter_tokens(const ScatterTokensArguments& arguments, ThreadPool&, Fault& fault) {
  for (int row = 0; row < arguments.rows; row++) {
    const int destination = arguments.destinations[row];
    if (destination >= arguments.table_length) {
      return fail(fault, "scatter_tokens: destination %d of row %d is outside the token table of %d", destination, row,
                  arguments.table_length);
    }
    const int token = arguments.tokens[row];
    if (destination >= 0) arguments.table[destination] = token < 0 ? 0 : token;
  }
  return true;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
