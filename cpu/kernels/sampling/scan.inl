// Passes over a row of logits: the maxima of its pieces, and scans that skip pieces by them.
//
// A row is cut into pieces of 1024 ids; lane i of a piece holds the largest logit of the piece's ids i, i + 16, ... The
// 16 maxima of every piece are kept: the n-th largest of them is a lower bound of the n-th largest logit, so a search
// for the best n reads the whole row once and then only pieces that may contain one of them. NaN counts as -infinity
// throughout.
#pragma once

#include "cpu/kernels/common/math.inl"
#include "cpu/kernels/sampling/select.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

inline constexpr int kPieceIds = 1024;

inline int piece_count(int vocabulary) { return (vocabulary + kPieceIds - 1) / kPieceIds; }

// Calls visit(id, lanes) for the vectors of one piece; lanes beyond the vocabulary hold -infinity.
template <typename Visit>
void each_vector(const float* logits, int vocabulary, int piece, Visit&& visit) {
  const int begin = piece * kPieceIds;
  const int end = begin + kPieceIds < vocabulary ? begin + kPieceIds : vocabulary;
  int id = begin;
  for (; id + kLanes <= end; id += kLanes) visit(id, F32x16::load(logits + id));
  if (id < end) {
    float lanes[kLanes];
    for (int i = 0; i < kLanes; i++) lanes[i] = id + i < end ? logits[id + i] : -__builtin_inff();
    visit(id, F32x16::load(lanes));
  }
}

// maxima: [pieces][16]. Returns the largest logit.
inline float scan_maxima(const float* logits, int vocabulary, float* maxima) {
  const F32x16 lowest = F32x16::broadcast(-__builtin_inff());
  F32x16 highest = lowest;
  for (int piece = 0; piece < piece_count(vocabulary); piece++) {
    F32x16 piece_maxima[4] = {lowest, lowest, lowest, lowest};
    if ((piece + 1) * kPieceIds <= vocabulary) {
      const float* p = logits + piece * kPieceIds;
      for (int i = 0; i < kPieceIds; i += 4 * kLanes) {
        for (int part = 0; part < 4; part++) {
          piece_maxima[part] = max(F32x16::load(p + i + part * kLanes), piece_maxima[part]);
        }
      }
    } else {
      each_vector(logits, vocabulary, piece, [&](int, F32x16 x) { piece_maxima[0] = max(x, piece_maxima[0]); });
    }
    const F32x16 of_piece = max(max(piece_maxima[0], piece_maxima[1]), max(piece_maxima[2], piece_maxima[3]));
    of_piece.store(maxima + piece * kLanes);
    highest = max(of_piece, highest);
  }
  return maximum(highest);
}

// The lowest id whose logit is `highest`, the row's largest.
inline int32_t first_of(const float* logits, int vocabulary, const float* maxima, float highest) {
  const F32x16 wanted = F32x16::broadcast(highest);
  for (int piece = 0; piece < piece_count(vocabulary); piece++) {
    if (mask_greater_equal(F32x16::load(maxima + piece * kLanes), wanted) == 0) continue;
    int32_t found = -1;
    each_vector(logits, vocabulary, piece, [&](int id, F32x16 x) {
      if (found >= 0) return;
      if (const uint32_t mask = mask_greater_equal(x, wanted)) found = id + __builtin_ctz(mask);
    });
    return found;
  }
  return -1;
}

// Writes the keys of all logits >= bound, in ascending order of id, and returns how many. NaN is never one of them, and
// padding lanes are not ids.
inline int collect_from(const float* logits, int vocabulary, const float* maxima, float bound, uint64_t* keys) {
  const F32x16 wanted = F32x16::broadcast(bound);
  int count = 0;
  for (int piece = 0; piece < piece_count(vocabulary); piece++) {
    if (mask_greater_equal(F32x16::load(maxima + piece * kLanes), wanted) == 0) continue;
    each_vector(logits, vocabulary, piece, [&](int id, F32x16 x) {
      for (uint32_t mask = mask_greater_equal(x, wanted); mask != 0; mask &= mask - 1) {
        const int32_t found = id + __builtin_ctz(mask);
        if (found < vocabulary) keys[count++] = candidate_key(logits[found], found);
      }
    });
  }
  return count;
}

// The keys of the n best ids of a row, in ascending order of id; fewer when the row has fewer logits above -infinity.
// keys and work: [max(vocabulary, 16 * pieces)].
inline int collect_best(const float* logits, int vocabulary, const float* maxima, int n, uint64_t* keys,
                        uint64_t* work) {
  const auto one = [](uint64_t) { return uint64_t(1); };
  const int lanes = piece_count(vocabulary) * kLanes;
  float bound = -__builtin_inff();
  if (n <= lanes) {
    for (int i = 0; i < lanes; i++) work[i] = candidate_key(maxima[i], i);
    bound = key_logit(prefix_bound(work, lanes, uint64_t(n), one));
  }
  if (bound == -__builtin_inff()) bound = -__FLT_MAX__;
  const int count = collect_from(logits, vocabulary, maxima, bound, keys);
  if (count <= n) return count;
  std::memcpy(work, keys, size_t(count) * sizeof(uint64_t));
  const uint64_t last = prefix_bound(work, count, uint64_t(n), one);
  int kept = 0;
  for (int i = 0; i < count; i++) {
    if (keys[i] >= last) keys[kept++] = keys[i];
  }
  return kept;
}

// log(sum(exp(logits))): in each piece, vector by vector into one vector of sixteen sums, which are added as a tree;
// then the pieces in order, in double precision.
inline double log_sum_exp(const float* logits, int vocabulary, float highest) {
  const F32x16 shift = F32x16::broadcast(highest);
  double total = 0;
  for (int piece = 0; piece < piece_count(vocabulary); piece++) {
    F32x16 sums = F32x16::zero();
    each_vector(logits, vocabulary, piece, [&](int, F32x16 x) { sums = sums + exp(x - shift); });
    total += double(sum(sums));
  }
  return double(highest) + __builtin_log(total);
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
