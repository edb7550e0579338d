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

// The largest logit; all threads, the same for each of them.
template <typename Logits>
__device__ float largest_logit(const Logits& logits, int vocabulary, const SampleRoom& room) {
  float highest = -INFINITY;
  for (int id = int(threadIdx.x); id < vocabulary; id += kSampleThreads) highest = fmaxf(highest, logits(id));
  return block_max(highest, room);
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
  float highest = largest_logit(logits, row.vocabulary, room);
  if (highest == -INFINITY || highest == INFINITY) {
    int finite = 0;
    for (int id = int(threadIdx.x); id < row.vocabulary; id += kSampleThreads) {
      const float value = logits(id);
      finite |= value > -INFINITY && value < INFINITY;
    }
    if (__syncthreads_or(finite) == 0) return UPBEAT_TOKEN_NOT_FINITE;
    logits.infinite = true;
    highest = 0;
  }
  if (row.value(UPBEAT_SAMPLING_TEMPERATURE) > 0.0f) return draw(row, logits, highest, room);
  // The lowest id among those with the largest logit.
  __syncthreads();
  if (threadIdx.x == 0) room.words[0] = static_cast<unsigned long long>(row.vocabulary);
  __syncthreads();
  for (int id = int(threadIdx.x); id < row.vocabulary; id += kSampleThreads) {
    if (logits(id) == highest) {
      atomic_min(room.words, static_cast<unsigned long long>(id));
      break;  // this thread's other ids are higher
    }
  }
  __syncthreads();
  return int32_t(uint64_t(room.words[0]));
}

// log(sum(exp(logits))) of the raw logits: each thread adds in ascending order, then thread 0 adds the threads' sums in
// double precision. For every thread.
__device__ inline double log_sum_exp(const ChoiceLogits& logits, int vocabulary, float highest,
                                     const SampleRoom& room) {
  float sum = 0;
  for (int id = int(threadIdx.x); id < vocabulary; id += kSampleThreads) {
    sum += sampling_exp(logits(id) - highest);
  }
  __syncthreads();
  room.sums[threadIdx.x] = __float_as_uint(sum);
  __syncthreads();
  if (threadIdx.x == 0) {
    double total = 0;
    for (int i = 0; i < kSampleThreads; i++) total += double(__uint_as_float(uint32_t(uint64_t(room.sums[i]))));
    const double result = double(highest) + log(total);
    unsigned long long bits;
    memcpy(&bits, &result, sizeof bits);
    room.words[0] = bits;
  }
  __syncthreads();
  const unsigned long long bits = room.words[0];
  double result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

// Log-probabilities of the raw logits: of the token, and of the n most likely ones, descending, ties by lower id. At
// least one raw logit is finite: bias and penalties leave no finite logit otherwise.
__device__ inline void write_logprobs(const SampleRow& row, int n, int32_t token, const SampleRoom& room,
                                      Global<float> logprobs, Global<int32_t> logprob_tokens) {
  ChoiceLogits logits = {row.logits, false};
  float highest = largest_logit(logits, row.vocabulary, room);
  if (highest == INFINITY) {
    logits.infinite = true;
    highest = 0;
  }
  const double total = log_sum_exp(logits, row.vocabulary, highest, room);
  if (threadIdx.x == 0) logprobs[0] = float(double(logits(token)) - total);
  // One by one: each is the best below the one before. n is small.
  uint64_t last = ~0ull;
  for (int rank = 0; rank < n; rank++) {
    uint64_t best = 0;
    for (int id = int(threadIdx.x); id < row.vocabulary; id += kSampleThreads) {
      const uint64_t key = candidate_key(logits(id), id);
      if (key < last && key > best) best = key;
    }
    __syncthreads();
    room.sums[threadIdx.x] = static_cast<unsigned long long>(best);
    __syncthreads();
    if (threadIdx.x == 0) {
      for (int i = 1; i < kSampleThreads; i++) {
        const uint64_t other = room.sums[i];
        best = other > best ? other : best;
      }
      logprob_tokens[rank] = key_id(best);
      logprobs[1 + rank] = float(double(logits(key_id(best))) - total);
    }
    last = block_broadcast(best, room);
  }
}

__global__ void __launch_bounds__(kSampleThreads, 2)
    sample_kernel(SampleArguments arguments, std::byte* scratch, FaultSlot faults) {
  __shared__ SharedArray<float, kSampleWarps> floats;
  __shared__ SharedArray<unsigned long long, 256> sums;
  __shared__ SharedArray<unsigned long long, 4> words;
  begin_kernel();
  const SampleRoom room = {floats, sums, words};
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
