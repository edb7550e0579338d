// Filling memory, and kernels for faults.
//
// Memory access: 16-byte words from the first aligned address on, single bytes at both ends. A kernel instead of
// cudaMemset, so that a fill after a fault is skipped like other work.
#pragma once

#include "abi/types/op_arguments.h"
#include "cuda/kernels/common/fault.cuh"
#include "cuda/kernels/kernels.h"

namespace upbeat {

inline constexpr int kFillThreads = 256;

__global__ void __launch_bounds__(kFillThreads) fill_kernel(FillArguments arguments, FaultSlot faults) {
  begin_kernel();
  if (faulted(faults)) return;
  const auto byte = uint8_t(arguments.value);
  const Global<uint8_t> bytes = static_cast<uint8_t*>(arguments.destination);
  const auto address = reinterpret_cast<uintptr_t>(arguments.destination);
  const int64_t to_aligned = int64_t((16 - address % 16) % 16);
  const int64_t head = to_aligned < arguments.bytes ? to_aligned : arguments.bytes;
  const int64_t words = (arguments.bytes - head) / 16;
  const int64_t tail = head + words * 16;
  const int64_t thread = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t threads = int64_t(gridDim.x) * blockDim.x;
  Pack<uint8_t, 16> word;
  for (int i = 0; i < 16; i++) word.v[i] = byte;
  for (int64_t i = thread; i < words; i += threads) store_pack(bytes + (head + 16 * i), word);
  for (int64_t i = thread; i < head; i += threads) bytes[i] = byte;
  for (int64_t i = tail + thread; i < arguments.bytes; i += threads) bytes[i] = byte;
}

__global__ void injected_fault_kernel(FaultSlot faults) {
  begin_kernel();
  if (!faulted(faults)) raise_fault(faults, FaultKind::injected);
}

__global__ void fault_check_kernel(FaultSlot faults) {
  begin_kernel();
  if (load_volatile(Global<int32_t>(faults.record)) != int32_t(FaultKind::none)) {
    atomic_exchange(Global<int32_t>(faults.flag), 1);
  }
}

}  // namespace upbeat
