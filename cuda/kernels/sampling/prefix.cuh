// The shortest prefix of the candidates, best first, whose weights sum to a given number.
//
// Memory access: three passes over the row's logits, which stay in the second-level cache. The first adds the weights to
// 2,048 bins of equal width between the best and the worst logit that has a weight, so that atomic operations rarely
// meet. The second measures the bin in which the sum is reached, and the third lists its candidates in shared memory,
// where each thread adds the weights of those that precede its own. A bin with more candidates than the list holds (many
// equal logits) is divided once more, by the candidates' keys, until it fits.
#pragma once

#include "cuda/kernels/sampling/room.cuh"

namespace upbeat {

// Bins of equal width over a range of logits; the best logits are in bin 0.
struct LogitBins {
  float best;
  float scale;  // bins per unit

  __device__ int operator()(float logit) const {
    // False for the NaN of an infinite difference times zero.
    const float distance = (best - logit) * scale;
    return distance < float(kBins - 1) ? int(distance) : kBins - 1;
  }
};

// Bins of 2^shift keys each, downwards from the best key.
struct KeyBins {
  uint64_t best;
  int shift;

  __device__ int operator()(uint64_t key) const { return int((best - key) >> shift); }
};

// The least shift that leaves less than kBins of a number.
__device__ inline int shift_to_bins(uint64_t number) {
  int shift = 0;
  while (number >> shift >= kBins) shift++;
  return shift;
}

// A range of keys, both ends included, and how many candidates with a weight it has.
struct KeyRange {
  uint64_t worst, best;
  uint64_t candidates;
};

// Clears the bins; barriers before and after.
__device__ inline void clear_bins(const SampleRoom& room) {
  __syncthreads();
  for (int bin = int(threadIdx.x); bin < kBins; bin += kSampleThreads) room.low[bin] = room.high[bin] = 0u;
  __syncthreads();
}

// The first bin at which `above` and the sums of the bins up to it reach need(their total), for every thread; kBins when
// they do not. `above` becomes the sum before that bin. Barriers before and after.
template <typename Need>
__device__ int find_bin(const SampleRoom& room, uint64_t& above, Need&& need) {
  constexpr int kEach = kBins / kSampleThreads;
  __syncthreads();
  uint64_t sums[kEach], own = 0;
  for (int i = 0; i < kEach; i++) own += sums[i] = bin_sum(room, int(threadIdx.x) * kEach + i);
  uint64_t before = above + block_sum_before(own, room);
  const uint64_t needed = need(above + block_total(own, room));
  __syncthreads();
  if (threadIdx.x == 0) room.words[0] = kBins;
  __syncthreads();
  for (int i = 0; i < kEach; before += sums[i++]) {
    if (before < needed && before + sums[i] >= needed) {
      room.words[0] = static_cast<unsigned long long>(int(threadIdx.x) * kEach + i);
      room.words[1] = static_cast<unsigned long long>(before);
    }
  }
  __syncthreads();
  const int bin = int(uint64_t(room.words[0]));
  if (bin < kBins) above = room.words[1];
  return bin;
}

// Visits the candidates: visit_candidates(visit) calls visit(key, logit, weight) for each one with a weight.
//
// The largest bound such that the weights of all keys >= bound sum to need(total) or more; 0 when all weights together
// do not, or all are needed. need(total) is at least 1. bins covers all candidates. All threads; the same for each of
// them.
template <typename VisitCandidates, typename Need>
__device__ uint64_t prefix_bound(const LogitBins& bins, const SampleRoom& room, VisitCandidates&& visit_candidates,
                                 Need&& need) {
  uint64_t above = 0;  // weight of the candidates that precede the range
  uint64_t needed = 0;
  clear_bins(room);
  visit_candidates([&](uint64_t, float logit, uint32_t weight) { add_to_bin(room, bins(logit), weight); });
  const int reached = find_bin(room, above, [&](uint64_t total) { return needed = need(total); });
  if (reached == kBins) return 0;

  // The candidates of one bin, then of ever smaller ranges of keys.
  KeyRange range = {0, ~0ull, 0};
  const auto in_range = [&](uint64_t key, float logit) {
    return key >= range.worst && key <= range.best && bins(logit) == reached;
  };
  for (;;) {
    uint64_t best = 0, worst_complement = 0, candidates = 0;
    visit_candidates([&](uint64_t key, float logit, uint32_t) {
      if (!in_range(key, logit)) return;
      best = key > best ? key : best;
      worst_complement = ~key > worst_complement ? ~key : worst_complement;
      candidates++;
    });
    range = {~block_best(worst_complement, room), block_best(best, room), block_total(candidates, room)};
    if (range.candidates <= kList) break;
    const KeyBins finer = {range.best, shift_to_bins(range.best - range.worst)};
    clear_bins(room);
    visit_candidates([&](uint64_t key, float logit, uint32_t weight) {
      if (in_range(key, logit)) add_to_bin(room, finer(key), weight);
    });
    const int bin = find_bin(room, above, [&](uint64_t) { return needed; });
    range.best -= uint64_t(bin) << finer.shift;
    const uint64_t width = (uint64_t(1) << finer.shift) - 1;
    if (range.best - range.worst > width) range.worst = range.best - width;
  }

  __syncthreads();
  if (threadIdx.x == 0) room.count[0] = 0u;
  __syncthreads();
  visit_candidates([&](uint64_t key, float logit, uint32_t weight) {
    if (!in_range(key, logit)) return;
    const int place = int(atomic_add(room.count, 1u));
    room.keys[place] = static_cast<unsigned long long>(key);
    room.low[place] = weight;
  });
  __syncthreads();
  const int count = int(range.candidates);
  if (int(threadIdx.x) < count) {
    const uint64_t own = room.keys[threadIdx.x];
    uint64_t sum = above, weight = uint32_t(room.low[threadIdx.x]);
    for (int i = 0; i < count; i++) sum += uint64_t(room.keys[i]) >= own ? uint32_t(room.low[i]) : 0u;
    if (sum >= needed && sum - weight < needed) room.words[0] = static_cast<unsigned long long>(own);
  }
  __syncthreads();
  return room.words[0];
}

}  // namespace upbeat
