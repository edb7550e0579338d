// Choosing one token per row: the order of operations is the contract of upbeat_sample.
//
// Memory access: a block processes one row at a time. A row is a few hundred kilobytes of logits, which the passes
// after the first read from the second-level cache.
#pragma once

#include "cuda/kernels/sampling/draw.cuh"
#include "cuda/kernels/sampling/penalties.cuh"

namespace upbeat {

// The scratch memory of one block, in bytes: adjusted logits and counts.
__host__ __device__ inline int64_t sample_scratch_bytes(int vocabulary) { return int64_t(vocabulary) * 8; }

// The range of the logits above -infinity; all threads, the same for each of them.
__device__ inline LogitRange range_of(const ChoiceLogits& logits, int vocabulary, const SampleRoom& room) {
  float largest = -INFINITY, least = INFINITY;
  visit_logits(logits, vocabulary, [&](int, float logit) {
    largest = fmaxf(largest, logit);
    if (logit > -INFINITY) least = fminf(least, logit);
  });
  return {block_max(largest, room), -block_max(-least, room)};
}

// What choose_token returns after a fault.
inline constexpr int32_t kFaulted = INT32_MIN;

// Chooses the row's token, UPBEAT_TOKEN_NOT_FINITE when there is none to choose. All threads, the same for each.
__device__ inline int32_t choose_token(const SampleArguments& arguments, const SampleRow& row, Global<float> adjusted,
                                       Global<uint32_t> counts, const SampleRoom& room, const FaultSlot& faults) {
  ChoiceLogits logits = {row.logits, false};
  if (row.has_bias() || row.has_penalties()) {
    for (int id = int(threadIdx.x); id < row.vocabulary; id += kSampleThreads) {
      adjusted[id] = without_nan(row.logits[id]);
    }
    __syncthreads();
    if (row.has_bias() && !add_bias(arguments, row, adjusted, faults)) return kFaulted;
    if (row.has_penalties() && !apply_penalties(arguments, row, counts, adjusted, faults)) return kFaulted;
    logits.values = adjusted;
  }
  LogitRange range = range_of(logits, row.vocabulary, room);
  if (range.largest == -INFINITY || range.largest == INFINITY) {
    if (range.least == INFINITY) return UPBEAT_TOKEN_NOT_FINITE;
    logits.infinite = true;
    range = {0, 0};
  }
  if (row.value(UPBEAT_SAMPLING_TEMPERATURE) > 0.0f) return draw(row, logits, range, room);
  // The lowest id among those with the largest logit.
  uint64_t first = 0;  // its complement
  visit_logits(logits, row.vocabulary, [&](int id, float logit) {
    if (logit == range.largest && first == 0) first = ~uint64_t(uint32_t(id));
  });
  return int32_t(uint32_t(~block_best(first, room)));
}

// log(sum(exp(logits))) of the raw logits: each thread adds in ascending order, each warp as a tree, and the warps' sums
// are added in double precision. For every thread.
__device__ inline double log_sum_exp(const ChoiceLogits& logits, int vocabulary, float highest,
                                     const SampleRoom& room) {
  float sum = 0;
  visit_logits(logits, vocabulary, [&](int, float logit) { sum += sampling_exp(logit - highest); });
  sum = warp_sum(sum);
  __syncthreads();
  if (threadIdx.x % 32 == 0) room.floats[threadIdx.x / 32] = sum;
  __syncthreads();
  double total = 0;
  for (int warp = 0; warp < kSampleWarps; warp++) total += double(float(room.floats[warp]));
  return double(highest) + log(total);
}

// Log-probabilities of the raw logits: of the token, and of the n most likely ones, descending, ties by lower id. At
// least one raw logit is finite: bias and penalties leave no finite logit otherwise.
__device__ inline void write_logprobs(const SampleRow& row, int n, int32_t token, const SampleRoom& room,
                                      Global<float> logprobs, Global<int32_t> logprob_tokens) {
  ChoiceLogits logits = {row.logits, false};
  LogitRange range = range_of(logits, row.vocabulary, room);
  if (range.largest == INFINITY) {
    logits.infinite = true;
    range = {0, 0};
  }
  const double total = log_sum_exp(logits, row.vocabulary, range.largest, room);
  if (threadIdx.x == 0) logprobs[0] = float(double(logits(token)) - total);
  // One by one: each is the best below the one before. n is small.
  uint64_t last = ~0ull;
  for (int rank = 0; rank < n; rank++) {
    uint64_t best = 0;
    visit_logits(logits, row.vocabulary, [&](int id, float logit) {
      const uint64_t key = candidate_key(logit, id);
      if (key < last && key > best) best = key;
    });
    last = block_best(best, room);
    if (threadIdx.x == 0) {
      logprob_tokens[rank] = key_id(last);
      logprobs[1 + rank] = float(double(logits(key_id(last))) - total);
    }
  }
}

__global__ void __launch_bounds__(kSampleThreads, 1)
    sample_kernel(SampleArguments arguments, std::byte* scratch, FaultSlot faults) {
  __shared__ SharedArray<float, kSampleWarps> floats;
  __shared__ SharedArray<unsigned long long, kSampleWarps> words;
  __shared__ SharedArray<uint32_t, kBins> low, high;
  __shared__ SharedArray<unsigned long long, kList> keys;
  __shared__ SharedArray<uint32_t, 1> count;
  begin_kernel();
  const SampleRoom room = {floats, words, low, high, keys, count};
  const int vocabulary = arguments.vocabulary;
  std::byte* own = scratch + blockIdx.x * sample_scratch_bytes(vocabulary);
  const Global<float> adjusted = reinterpret_cast<float*>(own);
  const Global<uint32_t> counts = reinterpret_cast<uint32_t*>(own) + vocabulary;
  for (int index = int(blockIdx.x); index < arguments.rows; index += int(gridDim.x)) {
    if (block_faulted(faults)) return;
    const SampleRow row = {Global<const float>(arguments.logits) + int64_t(index) * vocabulary,
                           Global<const float>(arguments.floats) + int64_t(index) * UPBEAT_SAMPLING_FLOATS,
                           Global<const int32_t>(arguments.ints) + int64_t(index) * UPBEAT_SAMPLING_INTS, index,
                           vocabulary};
    const Global<int32_t> tokens = arguments.tokens;
    if (row.control(UPBEAT_SAMPLING_ACTIVE) == 0) {
      if (threadIdx.x == 0) tokens[index] = UPBEAT_TOKEN_PADDING;
      continue;
    }
    const int32_t n = row.control(UPBEAT_SAMPLING_LOGPROBS);
    if (n > arguments.max_logprobs || n > vocabulary) {
      if (threadIdx.x == 0) {
        raise_fault(faults, FaultKind::sample_logprobs, index, n, arguments.max_logprobs, vocabulary);
      }
      return;
    }
    if ((n >= 0 && arguments.logprobs == nullptr) || (n > 0 && arguments.logprob_tokens == nullptr)) {
      if (threadIdx.x == 0) raise_fault(faults, FaultKind::sample_memory, index, n);
      return;
    }
    const int32_t token = choose_token(arguments, row, adjusted, counts, room, faults);
    if (token == kFaulted) return;
    if (threadIdx.x == 0) tokens[index] = token;
    if (token < 0 || n < 0) continue;
    write_logprobs(row, n, token, room,
                   Global<float>(arguments.logprobs) + int64_t(index) * (1 + arguments.max_logprobs),
                   Global<int32_t>(arguments.logprob_tokens) + int64_t(index) * arguments.max_logprobs);
  }
}

}  // namespace upbeat
