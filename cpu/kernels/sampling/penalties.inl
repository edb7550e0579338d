// Changes to the logits before a token is chosen: bias, then penalties for the tokens of the row's history.
#pragma once

#include "cpu/kernels/common/scratch.inl"
#include "ffi/upbeat.h"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// A row's fault. The message is written when all rows are done, for the lowest row that failed.
struct SampleFault {
  enum Kind : int32_t {
    none,
    bias_range,
    bias_token,
    history_range,
    history_token,
    logprob_count,
    logprob_memory
  };
  Kind kind = none;
  int32_t index = 0;
  int32_t value = 0;
};

// The parameters of one row.
struct SampleRow {
  const float* logits;
  const float* floats;
  const int32_t* ints;

  float value(int column) const { return floats[column]; }
  int32_t control(int column) const { return ints[column]; }
  bool has_penalties() const {
    return value(UPBEAT_SAMPLING_REPETITION_PENALTY) != 1.0f || value(UPBEAT_SAMPLING_PRESENCE_PENALTY) != 0.0f ||
           value(UPBEAT_SAMPLING_FREQUENCY_PENALTY) != 0.0f;
  }
  bool has_bias() const { return control(UPBEAT_SAMPLING_BIAS_COUNT) > 0; }
};

inline float without_nan(float value) { return value == value ? value : -__builtin_inff(); }

inline SampleFault add_bias(const SampleArguments& arguments, const SampleRow& row, float* logits) {
  const int32_t start = row.control(UPBEAT_SAMPLING_BIAS_START);
  const int32_t count = row.control(UPBEAT_SAMPLING_BIAS_COUNT);
  if (start < 0 || count > int64_t(arguments.bias_length) - start) return {SampleFault::bias_range, start, count};
  for (int32_t i = 0; i < count; i++) {
    const int32_t token = arguments.bias_tokens[start + i];
    if (token < 0 || token >= arguments.vocabulary) return {SampleFault::bias_token, start + i, token};
    logits[token] = without_nan(logits[token] + arguments.bias_values[start + i]);
  }
  return {};
}

// counts: [vocabulary], zeros before and after. Meanwhile the top bit marks a token of the history and the other bits
// count its occurrences in the output, so that a token is changed once however often it occurs. The cost depends on the
// length of the history, not on the vocabulary.
inline SampleFault apply_penalties(const SampleArguments& arguments, const SampleRow& row, uint32_t* counts,
                                   float* logits) {
  constexpr uint32_t kSeen = 1u << 31;
  const int32_t start = row.control(UPBEAT_SAMPLING_HISTORY_START);
  const int32_t length = row.control(UPBEAT_SAMPLING_HISTORY_LENGTH);
  if (start < 0 || length < 0 || length > int64_t(arguments.table_length) - start) {
    return {SampleFault::history_range, start, length};
  }
  const int32_t* history = arguments.token_table + start;
  for (int32_t i = 0; i < length; i++) {
    if (history[i] < 0 || history[i] >= arguments.vocabulary) {
      return {SampleFault::history_token, start + i, history[i]};
    }
  }
  const float repetition = row.value(UPBEAT_SAMPLING_REPETITION_PENALTY);
  const float frequency = row.value(UPBEAT_SAMPLING_FREQUENCY_PENALTY);
  const float presence = row.value(UPBEAT_SAMPLING_PRESENCE_PENALTY);
  const int32_t prompt = row.control(UPBEAT_SAMPLING_PROMPT_LENGTH);
  for (int32_t i = 0; i < length; i++) {
    counts[history[i]] = (counts[history[i]] + (i >= prompt ? 1 : 0)) | kSeen;
  }
  for (int32_t i = 0; i < length; i++) {
    const int32_t token = history[i];
    if (counts[token] == 0) continue;  // done at its first occurrence
    const uint32_t count = counts[token] & ~kSeen;
    counts[token] = 0;
    float logit = logits[token];
    logit = logit > 0.0f ? logit / repetition : logit * repetition;
    if (count > 0) logit = logit - frequency * float(count) - presence;
    logits[token] = without_nan(logit);
  }
  return {};
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
