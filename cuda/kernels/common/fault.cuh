// Raising faults in kernels, and checking for them.
#pragma once

#include "cuda/device/fault_record.h"
#include "cuda/kernels/common/machine.h"

namespace upbeat {

// Whether a kernel is to be skipped. For kernels without barriers: threads of a block may get different answers.
__device__ inline bool faulted(const FaultSlot& slot) { return load_volatile(Global<int32_t>(slot.flag)) != 0; }

// The same answer for all threads of a block. A barrier.
__device__ inline bool block_faulted(const FaultSlot& slot) {
  return __syncthreads_or(threadIdx.x == 0 && faulted(slot)) != 0;
}

__device__ inline void raise_fault(const FaultSlot& slot, FaultKind kind, int32_t first = 0, int32_t second = 0,
                                   int32_t third = 0, int32_t fourth = 0) {
  if (atomic_compare_exchange(Global<int32_t>(slot.flag), 0, 1) != 0) return;  // not the first
  const Global<int32_t> record = slot.record;
  record[1] = first;
  record[2] = second;
  record[3] = third;
  record[4] = fourth;
  __threadfence_system();  // the host reads the kind first
  record[0] = int32_t(kind);
}

}  // namespace upbeat
