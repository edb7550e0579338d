// Changes to the logits before a token is chosen: bias, then penalties for the tokens of the row's history.
//
// Memory access: the changed logits are a copy in the block's scratch memory. All threads walk the history; occurrences
// of a token are counted beside the copy, in words that only tokens of the history touch.
#pragma once

#include "cuda/kernels/sampling/row.cuh"

namespace upbeat {

// adjusted: [vocabulary], the row's logits without NaN. All threads; false when something is out of range.
__device__ inline bool add_bias(const SampleArguments& arguments, const SampleRow& row, Global<float> adjusted,
                                const FaultSlot& faults) {
  const int32_t start = row.control(UPBEAT_SAMPLING_BIAS_START);
  const int32_t count = row.control(UPBEAT_SAMPLING_BIAS_COUNT);
  if (start < 0 || count > int64_t(arguments.bias_length) - start) {
    if (threadIdx.x == 0) {
      raise_fault(faults, FaultKind::sample_bias_range, row.index, count, start, arguments.bias_length);
    }
    return false;
  }
  const Global<const int32_t> tokens = Global<const int32_t>(arguments.bias_tokens) + start;
  const Global<const float> values = Global<const float>(arguments.bias_values) + start;
  bool good = true;
  for (int i = int(threadIdx.x); i < count; i += kSampleThreads) {
    const int32_t token = tokens[i];
    if (token < 0 || token >= row.vocabulary) {
      raise_fault(faults, FaultKind::sample_bias_token, row.index, token, start + i, row.vocabulary);
      good = false;
      continue;
    }
    // The thread of a token's first entry applies all its entries, in the order of the list.
    bool first = true;
    for (int j = 0; j < i && first; j++) first = int32_t(tokens[j]) != token;
    if (!first) continue;
    float logit = adjusted[token];
    for (int j = i; j < count; j++) {
      if (int32_t(tokens[j]) == token) logit = without_nan(logit + float(values[j]));
    }
    adjusted[token] = logit;
  }
  return __syncthreads_or(!good) == 0;
}

// counts: [vocabulary], of any content. All threads; false when something is out of range.
__device__ inline bool apply_penalties(const SampleArguments& arguments, const SampleRow& row, Global<uint32_t> counts,
                                       Global<float> adjusted, const FaultSlot& faults) {
  constexpr uint32_t kDone = 0xffffffffu;
  const int32_t start = row.control(UPBEAT_SAMPLING_HISTORY_START);
  const int32_t length = row.control(UPBEAT_SAMPLING_HISTORY_LENGTH);
  const int32_t prompt = row.control(UPBEAT_SAMPLING_PROMPT_LENGTH);
  if (start < 0 || length < 0 || length > int64_t(arguments.table_length) - start) {
    if (threadIdx.x == 0) {
      raise_fault(faults, FaultKind::sample_history_range, row.index, length, start, arguments.table_length);
    }
    return false;
  }
  const Global<const int32_t> history = Global<const int32_t>(arguments.token_table) + start;
  bool good = true;
  for (int i = int(threadIdx.x); i < length; i += kSampleThreads) {
    const int32_t token = history[i];
    if (token < 0 || token >= row.vocabulary) {
      raise_fault(faults, FaultKind::sample_history_token, row.index, token, start + i, row.vocabulary);
      good = false;
    } else {
      atomic_exchange(counts + token, 0u);
    }
  }
  if (__syncthreads_or(!good) != 0) return false;
  const int first = prompt < 0 ? 0 : prompt < length ? prompt : length;
  for (int i = first + int(threadIdx.x); i < length; i += kSampleThreads) {
    atomic_add(counts + int32_t(history[i]), 1u);
  }
  __syncthreads();
  const float repetition = row.value(UPBEAT_SAMPLING_REPETITION_PENALTY);
  const float frequency = row.value(UPBEAT_SAMPLING_FREQUENCY_PENALTY);
  const float presence = row.value(UPBEAT_SAMPLING_PRESENCE_PENALTY);
  for (int i = int(threadIdx.x); i < length; i += kSampleThreads) {
    const int32_t token = history[i];
    const uint32_t count = atomic_exchange(counts + token, kDone);
    if (count == kDone) continue;  // another thread has changed it already
    float logit = adjusted[token];
    logit = logit > 0.0f ? logit / repetition : logit * repetition;
    if (count > 0) logit = logit - frequency * float(count) - presence;
    adjusted[token] = without_nan(logit);
  }
  __syncthreads();
  return true;
}

}  // namespace upbeat
