// A worker's private memory for GEMM: sized for a second-level cache, in one huge page where the system provides one,
// kept for the life of the thread.
#pragma once

#include "cpu/kernels/linear/packed_input.inl"
#include "cpu/kernels/linear/weight_layout.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// Most rows of a block of rows and inputs of a block of inputs: what a task reads of the packed input for one block
// stays in its second-level cache, next to its scratch.
inline constexpr int kBlockRows = 192;
inline constexpr int kBlockDepth = 1024;
// Sums of all panels of a task.
inline constexpr int kSumFloats = 1 << 16;

struct GemmScratch {
  alignas(64) float panel[kBlockDepth * kPanelColumns];  // one panel's weights as F32, [16 or 32 columns][k][column]
  alignas(64) float sums[kSumFloats];                    // [panel of the task][row][column]
};

// The calling thread's scratch of one type, or null when memory is short.
template <typename Scratch>
Scratch* worker_scratch() {
  struct Owner {
    Scratch* scratch = nullptr;
    ~Owner() { platform::free_aligned(scratch); }
  };
  static thread_local Owner owner;
  if (owner.scratch == nullptr) owner.scratch = static_cast<Scratch*>(allocate_huge(sizeof(Scratch)));
  return owner.scratch;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
