// Drawing a token from the softmax of a row, cut by top-k, top-p and min-p: the same choice as the CPU library's.
//
// A probability is represented as an integer weight, round(exp((logit - largest) / temperature) * 2^30). Integers add
// to the same sum in any order, so atomics may add them.
//
//   weight   the argument is (logit - largest) * (1 / temperature), in F32
//   top-k    the k best by (logit, lower id); only they have weights
//   top-p    the shortest prefix of that order whose weights sum to ceil(top_p * total), at least 1
//   min-p    weights below round(min_p * 2^30) are dropped
//   draw     target = floor(total * uniform24 / 2^24); the first id whose running sum exceeds it
//
// Memory access: nothing is sorted or stored; every step is a pass over the row's logits, which stay in the
// second-level cache, and recomputes keys and weights.
#pragma once

#include "cuda/kernels/sampling/row.cuh"

namespace upbeat {

inline constexpr float kWeightOne = 1073741824.0f;  // 2^30

struct WeightOf {
  float largest;
  float inverse_temperature;

  __device__ uint64_t operator()(float logit) const {
    return uint64_t(rintf(sampling_exp((logit - largest) * inverse_temperature) * kWeightOne));
  }
};

// Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011): the upper 24 bits of the first word for counter (position, 0, 0,
// 0).
__device__ inline uint32_t uniform24(uint32_t seed_low, uint32_t seed_high, uint32_t position) {
  uint32_t words[4] = {position, 0, 0, 0};
  for (int round = 0; round < 10; round++) {
    const uint64_t product0 = uint64_t(0xD2511F53u) * words[0];
    const uint64_t product1 = uint64_t(0xCD9E8D57u) * words[2];
    const uint32_t first = uint32_t(product1 >> 32) ^ words[1] ^ seed_low;
    const uint32_t third = uint32_t(product0 >> 32) ^ words[3] ^ seed_high;
    words[0] = first;
    words[1] = uint32_t(product1);
    words[2] = third;
    words[3] = uint32_t(product0);
    seed_low += 0x9E3779B9u;
    seed_high += 0xBB67AE85u;
  }
  return words[0] >> 8;
}

// The largest bound such that the weights of all keys >= bound sum to `need` or more; 0 when all weights together do
// not. A radix search from the top byte: each step finds the byte value at which the sum is reached and continues among
// its keys. All threads; the same for each of them.
template <typename KeyOf, typename WeightOfKey>
__device__ uint64_t prefix_bound(int vocabulary, uint64_t need, const SampleRoom& room, KeyOf&& key_of,
                                 WeightOfKey&& weight_of) {
  uint64_t bound = 0;
  uint64_t above = 0;  // weight of the keys above all that are left
  for (int shift = 56; shift >= 0; shift -= 8) {
    __syncthreads();
    for (int i = int(threadIdx.x); i < 256; i += kSampleThreads) room.sums[i] = 0;
    __syncthreads();
    for (int id = int(threadIdx.x); id < vocabulary; id += kSampleThreads) {
      const uint64_t key = key_of(id);
      if (shift < 56 && (key ^ bound) >> (shift + 8) != 0) continue;  // left out in an earlier step
      const uint64_t weight = weight_of(key);
      if (weight != 0) atomic_add(room.sums + int(key >> shift & 255), static_cast<unsigned long long>(weight));
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      int digit = 255;
      while (digit >= 0 && above + uint64_t(room.sums[digit]) < need) above += uint64_t(room.sums[digit--]);
      room.words[0] = digit < 0 ? ~0ull : static_cast<unsigned long long>(digit);
      room.words[1] = above;
    }
    __syncthreads();
    const uint64_t digit = room.words[0];
    above = room.words[1];
    if (digit == ~0ull) return 0;
    bound |= digit << shift;
  }
  return bound;
}

// The least weight of the shortest prefix for top_p.
__device__ inline uint64_t weight_needed(float top_p, uint64_t total) {
  const double wanted = ceil(double(top_p) * double(total));
  return wanted < 1.0 ? 1 : wanted > double(total) ? total : uint64_t(wanted);
}

// floor(total * uniform / 2^24) without a wide product.
__device__ inline uint64_t target_of(uint64_t total, uint32_t uniform) {
  return (total >> 24) * uniform + ((total & 0xffffffu) * uniform >> 24);
}

// The first id whose running sum of weight(id) exceeds the target; all threads, the same for each of them.
template <typename WeightOfId>
__device__ int32_t find_running_sum(int vocabulary, uint64_t target, const SampleRoom& room, WeightOfId&& weight_of) {
  // A thread has consecutive ids; thread 0 finds the thread, and that thread finds the id.
  const int each = (vocabulary + kSampleThreads - 1) / kSampleThreads;
  const int first = int(threadIdx.x) * each;
  const int end = first + each < vocabulary ? first + each : vocabulary;
  uint64_t sum = 0;
  for (int id = first; id < end; id++) sum += weight_of(id);
  __syncthreads();
  room.sums[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    uint64_t running = 0;
    int owner = 0;
    while (owner < kSampleThreads - 1 && running + uint64_t(room.sums[owner]) <= target)
      running += uint64_t(room.sums[owner++]);
    room.words[0] = static_cast<unsigned long long>(owner);
    room.words[1] = running;
  }
  __syncthreads();
  const int owner = int(uint64_t(room.words[0]));
  uint64_t running = room.words[1];
  __syncthreads();
  if (int(threadIdx.x) == owner) {
    int32_t found = -1;
    for (int id = first; id < end && found < 0; id++) {
      running += weight_of(id);
      if (running > target) found = id;
    }
    room.words[0] = static_cast<unsigned long long>(uint32_t(found));
  }
  __syncthreads();
  return int32_t(uint32_t(uint64_t(room.words[0])));
}

__device__ inline int32_t draw(const SampleRow& row, const ChoiceLogits& logits, float highest,
                               const SampleRoom& room) {
  const float inverse = 1.0f / row.value(UPBEAT_SAMPLING_TEMPERATURE);
  const WeightOf weight = {highest, inverse < 3.402823466e38f ? inverse : 3.402823466e38f};
  const uint32_t uniform =
      uniform24(uint32_t(row.control(UPBEAT_SAMPLING_SEED_LOW)), uint32_t(row.control(UPBEAT_SAMPLING_SEED_HIGH)),
                uint32_t(row.control(UPBEAT_SAMPLING_POSITION)));
  const int vocabulary = row.vocabulary;
  const int32_t top_k = row.control(UPBEAT_SAMPLING_TOP_K);
  const float top_p = row.value(UPBEAT_SAMPLING_TOP_P);
  const float least = row.value(UPBEAT_SAMPLING_MIN_P) * kWeightOne;
  const uint64_t floor = !(least > 1.0f) ? 1 : least < kWeightOne ? uint64_t(rintf(least)) : uint64_t(kWeightOne);

  const auto key_of = [&](int id) { return candidate_key(logits(id), id); };
  const auto weight_of_key = [&](uint64_t key) { return weight(logits(key_id(key))); };
  uint64_t bound = 0;  // keys below it are out
  if (top_k > 0 && top_k < vocabulary) {
    bound = prefix_bound(vocabulary, uint64_t(top_k), room, key_of, [](uint64_t) { return uint64_t(1); });
  }
  if (top_p < 1.0f) {
    uint64_t sum = 0;
    for (int id = int(threadIdx.x); id < vocabulary; id += kSampleThreads) {
      if (key_of(id) >= bound) sum += weight(logits(id));
    }
    const uint64_t need = weight_needed(top_p, block_total(sum, room));
    const uint64_t edge = prefix_bound(vocabulary, need, room, key_of,
                                       [&](uint64_t key) { return key >= bound ? weight_of_key(key) : uint64_t(0); });
    bound = edge > bound ? edge : bound;
  }
  const auto kept_weight = [&](int id) {
    const float logit = logits(id);
    const uint64_t held = candidate_key(logit, id) >= bound ? weight(logit) : 0;
    return held >= floor ? held : uint64_t(0);
  };
  uint64_t sum = 0;
  for (int id = int(threadIdx.x); id < vocabulary; id += kSampleThreads) sum += kept_weight(id);
  return find_running_sum(vocabulary, target_of(block_total(sum, room), uniform), room, kept_weight);
}

}  // namespace upbeat
