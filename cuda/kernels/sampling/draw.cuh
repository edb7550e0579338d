// Drawing a token from the softmax of a row, cut by top-k, top-p and min-p: the same choice as the CPU library's.
//
// A probability is represented as an integer weight, round(exp((logit - largest) / temperature) * 2^30). Integers add
// to the same sum in any order, so any thread may add them.
//
//   weight   the argument is (logit - largest) * (1 / temperature), in F32
//   top-k    the k best by (logit, lower id); only they have weights
//   top-p    the shortest prefix of that order whose weights sum to ceil(top_p * total), at least 1
//   min-p    weights below round(min_p * 2^30) are dropped
//   draw     target = floor(total * uniform24 / 2^24); the first id whose running sum exceeds it
//
// Memory access: nothing is sorted or stored; every step is a pass over the row's logits, which stay in the
// second-level cache, and recomputes keys and weights. A draw takes one pass, each cut three more (prefix.cuh).
#pragma once

#include "cuda/kernels/sampling/prefix.cuh"

namespace upbeat {

inline constexpr float kWeightOne = 1073741824.0f;  // 2^30
// exp(-x) * 2^30 rounds to zero from here on: x > 31 ln 2.
inline constexpr float kWeightlessBelow = 21.5f;

// The logits that can be chosen: the largest, and the least of those above -infinity.
struct LogitRange {
  float largest, least;
};

struct WeightOf {
  float largest;
  float inverse_temperature;

  __device__ uint32_t operator()(float logit) const {
    return uint32_t(rintf(sampling_exp((logit - largest) * inverse_temperature) * kWeightOne));
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

// The least weight of the shortest prefix for top_p.
__device__ inline uint64_t weight_needed(float top_p, uint64_t total) {
  const double wanted = ceil(double(top_p) * double(total));
  return wanted < 1.0 ? 1 : wanted > double(total) ? total : uint64_t(wanted);
}

// floor(total * uniform / 2^24) without a wide product.
__device__ inline uint64_t target_of(uint64_t total, uint32_t uniform) {
  return (total >> 24) * uniform + ((total & 0xffffffu) * uniform >> 24);
}

// The first id whose running sum of weight(id, logit) exceeds target(total); all threads, the same for each of them.
template <typename WeightOfId, typename Target>
__device__ int32_t find_running_sum(const ChoiceLogits& logits, int vocabulary, const SampleRoom& room,
                                    WeightOfId&& weight_of, Target&& target_of_total) {
  // A warp has consecutive packs, read side by side; then all threads divide the packs of the warp that has the target.
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int packs = packs_of(vocabulary);
  const int each = (packs + kSampleWarps - 1) / kSampleWarps;
  uint64_t own = 0;
#pragma unroll 4
  for (int pack = warp * each + lane; pack < (warp + 1) * each && pack < packs; pack += 32) {
    visit_pack(logits, vocabulary, pack, [&](int id, float logit) { own += weight_of(id, logit); });
  }
  const uint64_t of_warp = warp_total(own);
  __syncthreads();
  if (lane == 0) room.words[warp] = static_cast<unsigned long long>(of_warp);
  __syncthreads();
  const uint64_t of_lane = room.words[lane];
  const uint64_t target = target_of_total(warp_total(of_lane));
  uint64_t running = 0;
  int owner = 0;
  for (; owner < kSampleWarps - 1; owner++) {
    const uint64_t next = running + uint64_t(room.words[owner]);
    if (next > target) break;
    running = next;
  }

  const int share = (each + kSampleThreads - 1) / kSampleThreads;
  const int first = owner * each + int(threadIdx.x) * share;
  const int most = (owner + 1) * each < packs ? (owner + 1) * each : packs;
  const int end = first + share < most ? first + share : most;
  uint64_t sum = 0;
  for (int pack = first; pack < end; pack++) {
    visit_pack(logits, vocabulary, pack, [&](int id, float logit) { sum += weight_of(id, logit); });
  }
  running += block_sum_before(sum, room);
  __syncthreads();
  if (running <= target && running + sum > target) {
    int32_t found = -1;
    for (int pack = first; pack < end && found < 0; pack++) {
      visit_pack(logits, vocabulary, pack, [&](int id, float logit) {
        running += weight_of(id, logit);
        if (running > target && found < 0) found = id;
      });
    }
    room.words[0] = static_cast<unsigned long long>(uint32_t(found));
  }
  __syncthreads();
  return int32_t(uint32_t(uint64_t(room.words[0])));
}

// range: the largest logit, and the least that is finite.
__device__ inline int32_t draw(const SampleRow& row, const ChoiceLogits& logits, const LogitRange& range,
                               const SampleRoom& room) {
  const float inverse = 1.0f / row.value(UPBEAT_SAMPLING_TEMPERATURE);
  const WeightOf weight = {range.largest, inverse < 3.402823466e38f ? inverse : 3.402823466e38f};
  const uint32_t uniform =
      uniform24(uint32_t(row.control(UPBEAT_SAMPLING_SEED_LOW)), uint32_t(row.control(UPBEAT_SAMPLING_SEED_HIGH)),
                uint32_t(row.control(UPBEAT_SAMPLING_POSITION)));
  const int vocabulary = row.vocabulary;
  const int32_t top_k = row.control(UPBEAT_SAMPLING_TOP_K);
  const float top_p = row.value(UPBEAT_SAMPLING_TOP_P);
  const float least = row.value(UPBEAT_SAMPLING_MIN_P) * kWeightOne;
  const uint32_t floor = !(least > 1.0f) ? 1 : least < kWeightOne ? uint32_t(rintf(least)) : uint32_t(kWeightOne);

  // Logits further from the largest have no weight; top-k counts them in the last bin.
  const float reach = kWeightlessBelow / weight.inverse_temperature;
  const LogitBins bins = {range.largest, float(kBins - 1) / fminf(range.largest - range.least, reach)};
  uint64_t bound = 0;  // keys below it are out
  if (top_k > 0 && top_k < vocabulary) {
    bound = prefix_bound(
        bins, room,
        [&](auto&& visit) {
          visit_logits(logits, vocabulary, [&](int id, float logit) { visit(candidate_key(logit, id), logit, 1u); });
        },
        [&](uint64_t) { return uint64_t(top_k); });
  }
  if (top_p < 1.0f) {
    const uint64_t edge = prefix_bound(
        bins, room,
        [&](auto&& visit) {
          visit_logits(logits, vocabulary, [&](int id, float logit) {
            const uint64_t key = candidate_key(logit, id);
            const uint32_t own = key >= bound ? weight(logit) : 0;
            if (own != 0) visit(key, logit, own);
          });
        },
        [&](uint64_t total) { return weight_needed(top_p, total); });
    bound = edge > bound ? edge : bound;
  }
  return find_running_sum(
      logits, vocabulary, room,
      [&](int id, float logit) {
        const uint32_t own = candidate_key(logit, id) >= bound ? weight(logit) : 0;
        return own >= floor ? own : 0u;
      },
      [&](uint64_t total) { return target_of(total, uniform); });
}

}  // namespace upbeat
