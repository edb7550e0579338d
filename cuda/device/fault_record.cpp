// The messages, the same as the CPU library's.
#include "cuda/device/fault_record.h"

#include <cstdio>

namespace upbeat {

void describe_fault(const int32_t* record, Fault& fault) {
  const int32_t* n = record + 1;
  const auto write = [&](const char* format, auto... numbers) {
    std::snprintf(fault.message, sizeof fault.message, format, numbers...);
  };
  switch (FaultKind(record[0])) {
    case FaultKind::none:
    case FaultKind::host:
      return;
    case FaultKind::injected:
      return write("upbeat_stream_inject_fault: the caller asked for this fault");
    case FaultKind::embedding_token:
      return write("upbeat_embedding: token %d of row %d is outside the matrix of %d rows", n[0], n[1], n[2]);
    case FaultKind::gather_row:
      return write("upbeat_gather_rows: index %d of row %d is outside the input of %d rows", n[0], n[1], n[2]);
    case FaultKind::gather_token:
      return write("upbeat_gather_tokens: source %d of row %d is outside the token table of %d", n[0], n[1], n[2]);
    case FaultKind::scatter_token:
      return write("upbeat_scatter_tokens: destination %d of row %d is outside the token table of %d", n[0], n[1],
                   n[2]);
    case FaultKind::rotary_position:
      return write("upbeat_rotary_cache: position %d of row %d is outside a rotary table of %d positions", n[0], n[1],
                   n[2]);
    case FaultKind::rotary_slot:
      return write("upbeat_rotary_cache: slot %d of row %d is outside a cache of %d blocks of %d", n[0], n[1], n[2],
                   n[3]);
    case FaultKind::attention_rows:
      return write("upbeat_attention: query_starts gives request %d rows %d to %d of %d", n[0], n[1], n[2], n[3]);
    case FaultKind::attention_length:
      return write("upbeat_attention: request %d has %d query rows but a sequence of %d tokens", n[0], n[1], n[2]);
    case FaultKind::attention_capacity:
      return write("upbeat_attention: request %d has %d tokens, more than %d blocks of %d hold", n[0], n[1], n[2],
                   n[3]);
    case FaultKind::attention_block:
      return write("upbeat_attention: block %d of request %d is %d in the block table, outside a cache of %d blocks",
                   n[0], n[1], n[2], n[3]);
    case FaultKind::sample_bias_token:
      return write("upbeat_sample: row %d: bias token %d at %d is outside the vocabulary of %d", n[0], n[1], n[2],
                   n[3]);
    case FaultKind::sample_bias_range:
      return write("upbeat_sample: row %d: the %d biases from %d are outside of the %d given", n[0], n[1], n[2], n[3]);
    case FaultKind::sample_history_range:
      return write("upbeat_sample: row %d: the history of %d tokens from %d is outside a token table of %d", n[0], n[1],
                   n[2], n[3]);
    case FaultKind::sample_history_token:
      return write("upbeat_sample: row %d: token %d at %d of the token table is outside the vocabulary of %d", n[0],
                   n[1], n[2], n[3]);
    case FaultKind::sample_logprobs:
      return write("upbeat_sample: row %d asks for %d log-probabilities, more than %d or the vocabulary of %d", n[0],
                   n[1], n[2], n[3]);
    case FaultKind::sample_memory:
      return write("upbeat_sample: row %d asks for %d log-probabilities, and logprobs or logprob_tokens is null", n[0],
                   n[1]);
  }
  write("the device reported fault %d", record[0]);
}

}  // namespace upbeat
