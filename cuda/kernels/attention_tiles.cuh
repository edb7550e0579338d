// Which rows of a ragged batch a block works on, found on the device: the host does not know the batch.
//
// A request's query rows, times the query heads that share a kv head, are cut into tiles; rows of a tile are (position,
// head of the group) in this order, so they see ever later keys.
#pragma once

#include "fault.cuh"
#include "kernels.h"
#include "reduce.cuh"

namespace upbeat {

inline constexpr int kTileRows = 16;

struct AttentionTile {
  int request;   // -1: there is no such tile
  int first;     // row of the tile within the request's
  int rows;      // of the tile
  int start;     // the request's first query row
  int position;  // of that row
  int length;    // of the request's sequence
};

// The tile of this number. All lanes of the warp call it and receive the same. Requests whose rows make no sense have
// no tiles; the first block reports them.
__device__ inline AttentionTile find_tile(const AttentionArguments& arguments, int number, const FaultSlot& faults) {
  const Global<const int32_t> starts = arguments.query_starts;
  const Global<const int32_t> lengths = arguments.sequence_lengths;
  const int group = arguments.heads / arguments.kv_heads;
  const int lane = int(threadIdx.x) % 32;
  int before = 0;  // tiles of the requests before these 32
  for (int base = 0; base < arguments.requests; base += 32) {
    const int request = base + lane;
    int start = 0, end = 0, tiles = 0;
    if (request < arguments.requests) {
      start = starts[request];
      end = starts[request + 1];
      if (start < 0 || end < start || end > arguments.rows) {
        if (number == 0) raise_fault(faults, FaultKind::attention_rows, request, start, end, arguments.rows);
      } else {
        tiles = ((end - start) * group + kTileRows - 1) / kTileRows;
      }
    }
    int through = tiles;
    for (int distance = 1; distance < 32; distance *= 2) {
      const int other = __shfl_up_sync(kAllLanes, through, unsigned(distance));
      if (lane >= distance) through += other;
    }
    const uint32_t found = __ballot_sync(kAllLanes, before + through > number);
    if (found != 0) {
      const int owner = __ffs(int(found)) - 1;
      const int first = (number - before - __shfl_sync(kAllLanes, through - tiles, owner)) * kTileRows;
      start = __shfl_sync(kAllLanes, start, owner);
      end = __shfl_sync(kAllLanes, end, owner);
      const int length = lengths[base + owner];
      const int left = (end - start) * group - first;
      return {base + owner, first, left < kTileRows ? left : kTileRows, start, length - (end - start), length};
    }
    before += __shfl_sync(kAllLanes, through, 31);
  }
  return {-1, 0, 0, 0, 0, 0};
}

// Whether the tile's request makes sense; raises a fault when it does not.
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
