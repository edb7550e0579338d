// Drawing a token from the softmax of a row, cut by top-k, top-p and min-p.
//
// A probability is represented as an integer weight, round(exp((logit - largest) / temperature) * 2^30): the most
// likely token has 2^30, one less likely by 2^-31 or more has 0. Integers add to the same sum in any order, so top-p
// and the inverse CDF give the same token on every instruction set, with any number of threads, and on a GPU with the
// same exp.
//
//   weight   the argument is (logit - largest) * (1 / temperature), in F32
//   top-k    the k best by (logit, lower id); only they have weights
//   top-p    the shortest prefix of that order whose weights sum to ceil(top_p * total), at least 1
//   min-p    weights below round(min_p * 2^30) are dropped
//   draw     target = floor(total * uniform24 / 2^24); the first id whose running sum exceeds it
#pragma once

#include "cpu/kernels/sampling/penalties.inl"
#include "cpu/kernels/sampling/philox.inl"
#include "cpu/kernels/sampling/scan.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

inline constexpr float kWeightOne = 0x1p30f;

// A worker's arrays.
struct SampleWork {
  float* adjusted;    // [vocabulary]: logits with bias and penalties
  int32_t* weights;   // [vocabulary], by id
  int32_t* buckets;   // [vocabulary], by id
  uint64_t* keys;     // [vocabulary + 16]
  uint64_t* scratch;  // [vocabulary + 16]
  float* maxima;      // [pieces][16]
};

inline SampleWork carve_sample_work(Carver& carver, int vocabulary) {
  SampleWork work;
  work.adjusted = carver.take<float>(size_t(vocabulary));
  work.weights = carver.take<int32_t>(size_t(vocabulary) + kLanes);
  work.buckets = carver.take<int32_t>(size_t(vocabulary) + kLanes);
  work.keys = carver.take<uint64_t>(size_t(vocabulary) + kLanes);
  work.scratch = carver.take<uint64_t>(size_t(vocabulary) + kLanes);
  work.maxima = carver.take<float>(size_t(piece_count(vocabulary)) * kLanes);
  return work;
}

struct WeightOf {
  F32x16 largest;
  F32x16 inverse_temperature;

  WeightOf(float highest, float temperature) : largest(F32x16::broadcast(highest)) {
    const float inverse = 1.0f / temperature;
    inverse_temperature = F32x16::broadcast(inverse < __FLT_MAX__ ? inverse : __FLT_MAX__);
  }
  F32x16 argument(F32x16 logits) const { return (logits - largest) * inverse_temperature; }
  void store(F32x16 logits, int32_t* weights) const {
    store_int32(exp(argument(logits)) * F32x16::broadcast(kWeightOne), weights);
  }
};

// Top-p first finds its edge among buckets of logits: bucket 0 has the largest logits, each next bucket those 1/64
// lower (after the temperature), the last one all without weight. Unlike the rounded weight, the bucket's number never
// falls as the logit falls.
inline constexpr int kBuckets = 2048;
inline constexpr float kBucketsPerUnit = 64;

// Weights of a whole row.
inline void weigh_row(const float* logits, int vocabulary, const WeightOf& weight, int32_t* weights) {
  for (int piece = 0; piece < piece_count(vocabulary); piece++) {
    each_vector(logits, vocabulary, piece, [&](int id, F32x16 x) { weight.store(x, weights + id); });
  }
}

inline void bucket_row(const float* logits, int vocabulary, const WeightOf& weight, int32_t* buckets) {
  const F32x16 scale = F32x16::broadcast(-kBucketsPerUnit), last = F32x16::broadcast(float(kBuckets - 1));
  for (int piece = 0; piece < piece_count(vocabulary); piece++) {
    each_vector(logits, vocabulary, piece,
                [&](int id, F32x16 x) { store_int32(min(weight.argument(x) * scale, last), buckets + id); });
  }
}

// Weights of the ids of `keys`.
inline void weigh_keys(const uint64_t* keys, int count, const WeightOf& weight, int32_t* weights) {
  for (int first = 0; first < count; first += kLanes) {
    const int lanes = count - first < kLanes ? count - first : kLanes;
    float logits[kLanes] = {0};
    int32_t stored[kLanes];
    for (int i = 0; i < lanes; i++) logits[i] = key_logit(keys[first + i]);
    weight.store(F32x16::load(logits), stored);
    for (int i = 0; i < lanes; i++) weights[key_id(keys[first + i])] = stored[i];
  }
}

// The sum of the weights of at least `floor`.
inline uint64_t sum_weights(const int32_t* weights, int count, int32_t floor) {
  uint64_t total = 0;
  for (int i = 0; i < count; i++) total += uint64_t(weights[i] >= floor ? weights[i] : 0);
  return total;
}

// The least weight of the shortest prefix for top_p.
inline uint64_t weight_needed(float top_p, uint64_t total) {
  const double wanted = __builtin_ceil(double(top_p) * double(total));
  return wanted < 1.0 ? 1 : wanted > double(total) ? total : uint64_t(wanted);
}

// Keeps, of the candidates in work.keys, the shortest prefix in descending order that has top_p of their weight.
// Returns how many are kept; they are ascending by id.
inline int keep_top_p_listed(float top_p, int count, SampleWork& work) {
  const auto weight_of = [&](uint64_t key) { return uint64_t(work.weights[key_id(key)]); };
  uint64_t total = 0;
  for (int i = 0; i < count; i++) total += weight_of(work.keys[i]);
  std::memcpy(work.scratch, work.keys, size_t(count) * sizeof(uint64_t));
  const uint64_t bound = prefix_bound(work.scratch, count, weight_needed(top_p, total), weight_of);
  int kept = 0;
  for (int i = 0; i < count; i++) {
    if (work.keys[i] >= bound) work.keys[kept++] = work.keys[i];
  }
  return kept;
}

// The same for all ids: work.keys receives those that are kept.
inline int keep_top_p(const float* logits, int vocabulary, float top_p, const WeightOf& weight, SampleWork& work) {
  const auto weight_of = [&](uint64_t key) { return uint64_t(work.weights[key_id(key)]); };
  const uint64_t need = weight_needed(top_p, sum_weights(work.weights, vocabulary, 0));
  bucket_row(logits, vocabulary, weight, work.buckets);
  uint64_t sums[kBuckets] = {0};
  for (int id = 0; id < vocabulary; id++) sums[work.buckets[id]] += uint64_t(work.weights[id]);
  int edge = 0;
  uint64_t above = 0;
  while (above + sums[edge] < need) above += sums[edge++];

  // Ids in buckets before the edge are kept, those after it are not; in the edge's bucket their exact order decides.
  int count = 0, at_edge = 0;
  const auto visit = [&](int id) {
    if (work.buckets[id] > edge || work.weights[id] == 0) return;
    const uint64_t key = candidate_key(logits[id], id);
    work.keys[count++] = key;
    if (work.buckets[id] == edge) work.scratch[at_edge++] = key;
  };
  int id = 0;
  for (; id + kLanes <= vocabulary; id += kLanes) {
    int32_t any = 0;
    for (int i = 0; i < kLanes; i++) any |= work.buckets[id + i] <= edge;
    if (!any) continue;
    for (int i = 0; i < kLanes; i++) visit(id + i);
  }
  for (; id < vocabulary; id++) visit(id);
  const uint64_t bound = prefix_bound(work.scratch, at_edge, need - above, weight_of);
  int kept = 0;
  for (int i = 0; i < count; i++) {
    if (work.keys[i] >= bound) work.keys[kept++] = work.keys[i];
  }
  return kept;
}

// floor(total * uniform / 2^24) without a wide product.
inline uint64_t target_of(uint64_t total, uint32_t uniform) {
  return (total >> 24) * uniform + ((total & 0xffffffu) * uniform >> 24);
}

inline int32_t draw_listed(const SampleWork& work, int count, int32_t floor, uint32_t uniform) {
  const auto weight_of = [&](int i) {
    const int32_t weight = work.weights[key_id(work.keys[i])];
    return uint64_t(weight >= floor ? weight : 0);
  };
  uint64_t total = 0;
  for (int i = 0; i < count; i++) total += weight_of(i);
  const uint64_t target = target_of(total, uniform);
  uint64_t sum = 0;
  for (int i = 0; i < count; i++) {
    sum += weight_of(i);
    if (sum > target) return key_id(work.keys[i]);
  }
  return -1;  // not reached: target < total
}

inline int32_t draw_row(const int32_t* weights, int vocabulary, int32_t floor, uint32_t uniform) {
  const uint64_t target = target_of(sum_weights(weights, vocabulary, floor), uniform);
  uint64_t sum = 0;
  for (int first = 0; first < vocabulary; first += kPieceIds) {
    const int count = vocabulary - first < kPieceIds ? vocabulary - first : kPieceIds;
    const uint64_t piece = sum_weights(weights + first, count, floor);
    if (sum + piece <= target) {
      sum += piece;
      continue;
    }
    for (int i = 0; i < count; i++) {
      sum += uint64_t(weights[first + i] >= floor ? weights[first + i] : 0);
      if (sum > target) return first + i;
    }
  }
  return -1;  // not reached: target < total
}

// logits: without a NaN that matters (its weight is 0) and without +infinity.
inline int32_t draw(const SampleRow& row, const float* logits, int vocabulary, float highest, SampleWork& work) {
  const WeightOf weight(highest, row.value(UPBEAT_SAMPLING_TEMPERATURE));
  const uint32_t uniform =
      uniform24(uint32_t(row.control(UPBEAT_SAMPLING_SEED_LOW)), uint32_t(row.control(UPBEAT_SAMPLING_SEED_HIGH)),
                uint32_t(row.control(UPBEAT_SAMPLING_POSITION)));
  const int32_t top_k = row.control(UPBEAT_SAMPLING_TOP_K);
  const float top_p = row.value(UPBEAT_SAMPLING_TOP_P);
  const float min_p = row.value(UPBEAT_SAMPLING_MIN_P);
  const float least = min_p * kWeightOne;
  const int32_t floor = !(least > 1.0f)      ? 1
                        : least < kWeightOne ? int32_t(__builtin_rintf(least))
                                             : int32_t(kWeightOne);

  bool listed = top_k > 0 && top_k < vocabulary;
  int count = vocabulary;
  if (listed) {
    count = collect_best(logits, vocabulary, work.maxima, top_k, work.keys, work.scratch);
    weigh_keys(work.keys, count, weight, work.weights);
  } else {
    weigh_row(logits, vocabulary, weight, work.weights);
  }
  if (top_p < 1.0f) {
    count = listed ? keep_top_p_listed(top_p, count, work) : keep_top_p(logits, vocabulary, top_p, weight, work);
    listed = true;
  }
  return listed ? draw_listed(work, count, floor, uniform) : draw_row(work.weights, vocabulary, floor, uniform);
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
