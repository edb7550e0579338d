// Choosing one token per row: the order of operations is the contract of upbeat_sample.
//
// Rows are divided among the workers, each row to one. A greedy row without bias and penalties takes one pass over its
// logits; a row with top-k scans the whole vocabulary once; sorting is never needed (scan.inl, select.inl, draw.inl).
#pragma once

#include "cpu/kernels/sampling/draw.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

inline bool any_finite(const float* logits, int vocabulary) {
  for (int id = 0; id < vocabulary; id++) {
    if (__builtin_isfinite(logits[id])) return true;
  }
  return false;
}

// An infinite logit leaves no probability for finite ones; all infinite ones become equal.
inline void level_infinities(const float* logits, int vocabulary, float* adjusted) {
  for (int id = 0; id < vocabulary; id++) {
    adjusted[id] = logits[id] == __builtin_inff() ? 0.0f : -__builtin_inff();
  }
}

// Chooses the row's token: UPBEAT_TOKEN_NOT_FINITE when there is none to choose.
inline SampleFault choose_token(const SampleArguments& arguments, const SampleRow& row, SampleWork& work,
                                uint32_t* counts, int32_t* token) {
  const int vocabulary = arguments.vocabulary;
  const float* logits = row.logits;
  if (row.has_bias() || row.has_penalties()) {
    for (int id = 0; id < vocabulary; id++) work.adjusted[id] = without_nan(logits[id]);
    logits = work.adjusted;
    if (row.has_bias()) {
      const SampleFault fault = add_bias(arguments, row, work.adjusted);
      if (fault.kind != SampleFault::none) return fault;
    }
    if (row.has_penalties()) {
      const SampleFault fault = apply_penalties(arguments, row, counts, work.adjusted);
      if (fault.kind != SampleFault::none) return fault;
    }
  }
  float highest = scan_maxima(logits, vocabulary, work.maxima);
  if (!__builtin_isfinite(highest)) {
    if (highest < 0 || !any_finite(logits, vocabulary)) {
      *token = UPBEAT_TOKEN_NOT_FINITE;
      return {};
    }
    level_infinities(logits, vocabulary, work.adjusted);
    logits = work.adjusted;
    highest = scan_maxima(logits, vocabulary, work.maxima);
  }
  *token = row.value(UPBEAT_SAMPLING_TEMPERATURE) > 0.0f ? draw(row, logits, vocabulary, highest, work)
                                                         : first_of(logits, vocabulary, work.maxima, highest);
  return {};
}

// Log-probabilities of the raw logits: of the token, and of the n most likely ones, descending, ties by lower id. At
// least one raw logit is finite: bias and penalties leave no finite logit otherwise.
inline void write_logprobs(const SampleRow& row, int vocabulary, int n, int32_t token, SampleWork& work,
                                  float* logprobs, int32_t* logprob_tokens) {
  const float* logits = row.logits;
  float highest = scan_maxima(logits, vocabulary, work.maxima);
  if (highest == __builtin_inff()) {
    level_infinities(logits, vocabulary, work.adjusted);
    logits = work.adjusted;
    highest = scan_maxima(logits, vocabulary, work.maxima);
  }
  const double total = log_sum_exp(logits, vocabulary, highest);
  const auto logprob = [&](int32_t id) { return float(double(without_nan(logits[id])) - total); };
  logprobs[0] = logprob(token);
  if (n == 0) return;
  int count = collect_best(logits, vocabulary, work.maxima, n, work.keys, work.scratch);
  sort_descending(work.keys, count);
  for (int i = 0; i < count; i++) logprob_tokens[i] = key_id(work.keys[i]);
  for (int32_t id = 0; count < n; id++) {  // then impossible ones, by id
    if (!(logits[id] > -__builtin_inff())) logprob_tokens[count++] = id;
  }
  for (int i = 0; i < n; i++) logprobs[1 + i] = logprob(logprob_tokens[i]);
}

inline SampleFault sample_row(const SampleArguments& arguments, int row_index, SampleWork& work, uint32_t* counts) {
  const SampleRow row = {arguments.logits + int64_t(row_index) * arguments.vocabulary,
                         arguments.floats + int64_t(row_index) * UPBEAT_SAMPLING_FLOATS,
                         arguments.ints + int64_t(row_index) * UPBEAT_SAMPLING_INTS};
  int32_t& token = arguments.tokens[row_index];
  if (row.control(UPBEAT_SAMPLING_ACTIVE) == 0) {
    token = UPBEAT_TOKEN_PADDING;
    return {};
  }
  const int32_t n = row.control(UPBEAT_SAMPLING_LOGPROBS);
  if (n > arguments.max_logprobs || n > arguments.vocabulary) return {SampleFault::logprob_count, n, 0};
  if ((n >= 0 && arguments.logprobs == nullptr) || (n > 0 && arguments.logprob_tokens == nullptr)) {
    return {SampleFault::logprob_memory, n, 0};
  }
  const SampleFault fault = choose_token(arguments, row, work, counts, &token);
  if (fault.kind != SampleFault::none || token < 0 || n < 0) return fault;
  write_logprobs(row, arguments.vocabulary, n, token, work,
                 arguments.logprobs + int64_t(row_index) * (1 + arguments.max_logprobs),
                 arguments.logprob_tokens + int64_t(row_index) * arguments.max_logprobs);
  return {};
}

inline bool report(const SampleArguments& arguments, int row, const SampleFault& found, Fault& fault) {
  switch (found.kind) {
    case SampleFault::none:
      return true;
    case SampleFault::bias_range:
      return fail(fault, "sample: row %d: the %d biases from %d are outside of the %d given", row, found.value,
                  found.index, arguments.bias_length);
    case SampleFault::bias_token:
      return fail(fault, "sample: row %d: bias token %d at %d is outside the vocabulary of %d", row, found.value,
                  found.index, arguments.vocabulary);
    case SampleFault::history_range:
      return fail(fault, "sample: row %d: the history of %d tokens from %d is outside a token table of %d", row,
                  found.value, found.index, arguments.table_length);
    case SampleFault::history_token:
      return fail(fault, "sample: row %d: token %d at %d of the token table is outside the vocabulary of %d", row,
                  found.value, found.index, arguments.vocabulary);
    case SampleFault::logprob_count:
      return fail(fault, "sample: row %d asks for %d log-probabilities, more than %d or the vocabulary of %d", row,
                  found.index, arguments.max_logprobs, arguments.vocabulary);
    case SampleFault::logprob_memory:
      return fail(fault, "sample: row %d asks for %d log-probabilities, and logprobs or logprob_tokens is null", row,
                  found.index);
  }
  return true;
}

inline bool sample(const SampleArguments& arguments, ThreadPool& pool, Fault& fault) {
  if (arguments.rows == 0) return true;
  static thread_local Scratch work_scratch;
  static thread_local Scratch counts_scratch;
  Carver measure{nullptr};
  carve_sample_work(measure, arguments.vocabulary);
  const size_t faults_bytes = size_t(arguments.rows) * sizeof(SampleFault);
  const size_t bytes = measure.used * size_t(pool.size()) + faults_bytes;
  const size_t counts_bytes = size_t(pool.size()) * size_t(arguments.vocabulary) * sizeof(uint32_t);
  uint8_t* memory = work_scratch.reserve(bytes);
  uint32_t* counts = reinterpret_cast<uint32_t*>(counts_scratch.reserve(counts_bytes, true));
  if (!memory || !counts) return fail_memory(fault, "sample", bytes + counts_bytes);
  SampleFault* faults = reinterpret_cast<SampleFault*>(memory + measure.used * size_t(pool.size()));

  pool.run(arguments.rows, [&](int row, int worker) {
    Carver carver{memory + measure.used * size_t(worker)};
    SampleWork work = carve_sample_work(carver, arguments.vocabulary);
    faults[row] = sample_row(arguments, row, work, counts + size_t(worker) * size_t(arguments.vocabulary));
  });
  for (int row = 0; row < arguments.rows; row++) {
    if (!report(arguments, row, faults[row], fault)) return false;
  }
  return true;
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
