// Copies by index: rows of activations, and tokens from and to the token table.
//
// Memory access: a row is contiguous, so a block copies it from end to end. Tokens are few: one thread each.
#pragma once

#include "cuda/kernels/common/fault.cuh"
#include "cuda/kernels/kernels.h"
#include "ffi/upbeat.h"

namespace upbeat {

inline constexpr int kGatherThreads = 128;

__global__ void __launch_bounds__(kGatherThreads) gather_rows_kernel(GatherRowsArguments arguments, FaultSlot faults) {
  begin_kernel();
  if (faulted(faults)) return;
  const int row = int(blockIdx.x);
  const int32_t index = Global<const int32_t>(arguments.indices)[row];
  if (index >= arguments.input_rows) {
    if (threadIdx.x == 0) raise_fault(faults, FaultKind::gather_row, index, row, arguments.input_rows);
    return;
  }
  const int columns = arguments.columns;
  const Global<const float> input = arguments.input;
  const Global<float> output = Global<float>(arguments.output) + int64_t(row) * columns;
  for (int i = int(threadIdx.x); i < columns; i += kGatherThreads) {
    output[i] = index < 0 ? 0.0f : float(input[int64_t(index) * columns + i]);
  }
}

__global__ void __launch_bounds__(kGatherThreads)
    gather_tokens_kernel(GatherTokensArguments arguments, FaultSlot faults) {
  begin_kernel();
  const int row = int(blockIdx.x) * kGatherThreads + int(threadIdx.x);
  if (row >= arguments.rows || faulted(faults)) return;
  const int32_t source = Global<const int32_t>(arguments.sources)[row];
  if (source >= arguments.table_length) {
    raise_fault(faults, FaultKind::gather_token, source, row, arguments.table_length);
    return;
  }
  Global<int32_t>(arguments.output)[row] = 
      source < 0 ? UPBEAT_TOKEN_PADDING : int32_t(Global<const int32_t>(arguments.table)[source]);
}

__global__ void __launch_bounds__(kGatherThreads)
    scatter_tokens_kernel(ScatterTokensArguments arguments, FaultSlot faults) {
  begin_kernel();
  const int row = int(blockIdx.x) * kGatherThreads + int(threadIdx.x);
  if (row >= arguments.rows || faulted(faults)) return;
  const int32_t destination = Global<const int32_t>(arguments.destinations)[row];
  if (destination >= arguments.table_length) {
    raise_fault(faults, FaultKind::scatter_token, destination, row, arguments.table_length);
    return;
  }
  if (destination >= 0) {
    const int32_t token = Global<const int32_t>(arguments.tokens)[row];
    Global<int32_t>(arguments.table)[destination] = token < 0 ? 0 : token;
  }
}

}  // namespace upbeat
