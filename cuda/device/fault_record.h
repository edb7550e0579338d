// How kernels report faults: an index out of range.
//
// The first fault writes its kind and numbers to pinned host memory, which every wait checks, and raises a flag in
// device memory, which every kernel checks first, so that later work is skipped.
#pragma once

#include <cstdint>

#include "abi/types/fault.h"
#include "cuda/kernels/common/machine.h"

namespace upbeat {

enum class FaultKind : int32_t {
  none,
  host,  // recorded by the host, which has the message
  injected,
  embedding_token,       // token, row, rows of the weight
  gather_row,            // index, row, rows of the input
  gather_token,          // source, row, length of the table
  scatter_token,         // destination, row, length of the table
  rotary_position,       // position, row, positions of the table
  rotary_slot,           // slot, row, blocks of the cache, block size
  attention_rows,        // request, first row, end row, rows
  attention_length,      // request, query rows, sequence length
  attention_capacity,    // request, sequence length, blocks of its table, block size
  attention_block,       // block, request, entry of the table, blocks of the cache
  sample_bias_token,     // row, token, place, vocabulary
  sample_bias_range,     // row, count, start, length
  sample_history_range,  // row, length, start, length of the table
  sample_history_token,  // row, token, place, vocabulary
  sample_logprobs,       // row, count, most, vocabulary
  sample_memory,         // row, count
};

inline constexpr int kFaultNumbers = 4;

// Where a kernel reports; a parameter of every kernel.
struct FaultSlot {
  int32_t* flag = nullptr;    // device memory: 0 without a fault
  int32_t* record = nullptr;  // pinned host memory: the kind, then its numbers
};

// The message of a record, prefixed with the op's name.
void describe_fault(const int32_t* record, Fault& fault);

}  // namespace upbeat
