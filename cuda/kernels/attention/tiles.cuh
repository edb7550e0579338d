// Which rows of a ragged batch a block works on, found on the device, because the host does not know the batch.
//
// The rows of a request are its (query row, head of the group) pairs, in this order, so they see ever later keys. A
// wide tile is a run of rows. A narrow tile has the heads of one query row.
#pragma once

#include "cuda/kernels/common/fault.cuh"
#include "cuda/kernels/common/reduce.cuh"
#include "cuda/kernels/kernels.h"

namespace upbeat {

// Rows of a tensor-core product, and query rows times heads of a narrow tile.
inline constexpr int kProductRows = 16;

struct AttentionTile {
  int request = -1;  // -1: no such tile
  int first = 0;     // row of the tile within the request's
  int rows = 0;      // of the tile
  int start = 0;     // the request's first query row
  int position = 0;  // of that row
  int length = 0;    // of the request's sequence
};

struct RowRange {
  int start;
  int end;
};

// A request's query rows; none, with a fault, when they are invalid.
__device__ inline RowRange rows_of(const AttentionArguments& arguments, int request, const FaultSlot& faults) {
  const Global<const int32_t> starts = arguments.query_starts;
  const int start = starts[request], end = starts[request + 1];
  if (start >= 0 && end >= start && end <= arguments.rows) return {start, end};
  raise_fault(faults, FaultKind::attention_rows, request, start, end, arguments.rows);
  return {0, 0};
}

// The number'th tile of up to tile_rows rows, over the requests with at least least_rows query rows. All lanes of the
// warp call it and receive the same.
__device__ inline AttentionTile find_wide_tile(const AttentionArguments& arguments, int tile_rows, int least_rows,
                                               int number, const FaultSlot& faults) {
  const int group = arguments.heads / arguments.kv_heads;
  const int lane = int(threadIdx.x) % 32;
  int before = 0;  // tiles of the requests before these 32
  for (int base = 0; base < arguments.requests; base += 32) {
    RowRange range = {0, 0};
    if (base + lane < arguments.requests) range = rows_of(arguments, base + lane, faults);
    const int count = range.end - range.start;
    const int tiles = count < least_rows ? 0 : (count * group + tile_rows - 1) / tile_rows;
    int through = tiles;
    for (int distance = 1; distance < 32; distance *= 2) {
      const int other = __shfl_up_sync(kAllLanes, through, unsigned(distance));
      if (lane >= distance) through += other;
    }
    const uint32_t found = __ballot_sync(kAllLanes, before + through > number);
    if (found != 0) {
      const int owner = __ffs(int(found)) - 1;
      const int first = (number - before - __shfl_sync(kAllLanes, through - tiles, owner)) * tile_rows;
      const int start = __shfl_sync(kAllLanes, range.start, owner);
      const int rows = __shfl_sync(kAllLanes, count, owner);
      const int length = Global<const int32_t>(arguments.sequence_lengths)[base + owner];
      const int left = rows * group - first;
      return {base + owner, first, left < tile_rows ? left : tile_rows, start, length - rows, length};
    }
    before += __shfl_sync(kAllLanes, through, 31);
  }
  return {};
}

// The request of a query row, most often the one with the same index; -1 when there is none. All lanes of the warp. The
// blocks of all rows together check every request.
__device__ inline int find_owner(const AttentionArguments& arguments, int row, const FaultSlot& faults) {
  const int lane = int(threadIdx.x) % 32;
  for (int request = row + lane * arguments.rows; request < arguments.requests; request += 32 * arguments.rows) {
    rows_of(arguments, request, faults);
  }
  if (row < arguments.requests) {
    const Global<const int32_t> starts = arguments.query_starts;
    if (int(starts[row]) == row && int(starts[row + 1]) == row + 1) return row;
  }
  for (int base = 0; base < arguments.requests; base += 32) {
    RowRange range = {0, 0};
    if (base + lane < arguments.requests) range = rows_of(arguments, base + lane, faults);
    const uint32_t found = __ballot_sync(kAllLanes, range.start <= row && row < range.end);
    if (found != 0) return base + __ffs(int(found)) - 1;
  }
  return -1;
}

// The narrow tile of heads [16 * piece, ...) of the group, of a query row or, by_request, of the only query row of a
// request; none for requests with more or fewer.
__device__ inline AttentionTile find_narrow_tile(const AttentionArguments& arguments, bool by_request, int number,
                                                 int piece, const FaultSlot& faults) {
  const int group = arguments.heads / arguments.kv_heads;
  const int request = by_request ? number : find_owner(arguments, number, faults);
  if (request < 0) return {};
  const RowRange range = rows_of(arguments, request, faults);
  const int count = range.end - range.start;
  if (by_request && count != 1) return {};
  const int row = by_request ? 0 : number - range.start;
  const int length = Global<const int32_t>(arguments.sequence_lengths)[request];
  const int left = group - piece * kProductRows;
  return {request,
          row * group + piece * kProductRows,
          left < kProductRows ? left : kProductRows,
          range.start,
          length - count,
          length};
}

// Whether the tile's request is valid; raises a fault when it is not.
__device__ inline bool check_tile(const AttentionArguments& arguments, const AttentionTile& tile,
                                  const FaultSlot& faults) {
  if (tile.position < 0) {
    raise_fault(faults, FaultKind::attention_length, tile.request, tile.length - tile.position, tile.length);
    return false;
  }
  if ((tile.length - 1) / arguments.block_size >= arguments.max_blocks) {
    raise_fault(faults, FaultKind::attention_capacity, tile.request, tile.length, arguments.max_blocks,
                arguments.block_size);
    return false;
  }
  return true;
}

}  // namespace upbeat
