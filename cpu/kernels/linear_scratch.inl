// A worker's private memory for linear_blocked: sized for a second-level cache, in one huge page where the system gives
// one, kept for the life of the thread.
#pragma once

#include <stdlib.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "simd.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// A block of rows is at most this high; a block of inputs at most this deep.
inline constexpr int kBlockRows = 192;
inline constexpr int kBlockDepth = 1024;
// Sums of all panels of a task.
inline constexpr int kSumFloats = 1 << 16;
// Rows of the slab lie one cache line off a power of two, so that equal inputs of neighbouring rows do not compete for
// one cache set; a constant, so that the rows of a tile are at constant distances from one pointer.
inline constexpr int kSlabStride = kBlockDepth + kLanes;

struct LinearScratch {
  alignas(64) float slab[kBlockRows * kSlabStride];        // input rows, [row][k]
  alignas(64) float panel[kBlockDepth * kPanelColumns];    // one panel's weights as F32, [16 or 32 columns][k][column]
  alignas(64) float sums[kSumFloats];                      // [panel of the task][row][column]

  // Which block of which call the slab holds.
  uint64_t call;
  int first_row;
  int first_input;
};

// The calling thread's scratch, or null when there is no memory for it.
inline LinearScratch* linear_scratch() {
  struct Owner {
    LinearScratch* scratch = nullptr;
    ~Owner() { free(scratch); }
  };
  static thread_local Owner owner;
  if (owner.scratch == nullptr) {
    constexpr size_t kHugePage = size_t(2) << 20;
    constexpr size_t kBytes = (sizeof(LinearScratch) + kHugePage - 1) / kHugePage * kHugePage;
    void* memory = aligned_alloc(kHugePage, kBytes);
    if (memory == nullptr) return nullptr;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    madvise(memory, kBytes, MADV_HUGEPAGE);
#endif
    owner.scratch = static_cast<LinearScratch*>(memory);
    owner.scratch->call = 0;
  }
  return owner.scratch;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
