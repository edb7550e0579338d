// Rows to sample, and a plain reference: sort everything, add in double precision.
#pragma once

#include <algorithm>

#include "cpu/kernels/common/math.inl"
#include "cpu/kernels/sampling/philox.inl"
#include "tests/native/support/kernels.h"

// One row's parameters; the defaults have no effect.
struct Row {
  std::vector<float> logits;
  float temperature = 1, top_p = 1, min_p = 0, repetition = 1, presence = 0, frequency = 0;
  int top_k = 0;
  uint64_t seed = 0;
  int position = 0;
  std::vector<int> prompt = {}, generated = {};
  std::vector<std::pair<int, float>> bias = {};
  int logprobs = -1;
  bool active = true;
};

struct Sampled {
  std::vector<int> tokens;
  std::vector<float> logprobs;
  std::vector<int> logprob_tokens;
  int max_logprobs;
};

// The kernel's arguments for some rows, and their memory.
struct SampleBatch {
  std::vector<float> logits, floats, bias_values, logprobs;
  std::vector<int> ints, table = {-99, -99, -99}, bias_tokens, tokens, logprob_tokens;
  upbeat::SampleArguments arguments;

  SampleBatch(const std::vector<Row>& rows, int max_logprobs) {
    for (const Row& row : rows) {
      logits.insert(logits.end(), row.logits.begin(), row.logits.end());
      floats.insert(floats.end(),
                    {row.temperature, row.top_p, row.min_p, row.repetition, row.presence, row.frequency, 0, 0});
      const int start = int(table.size()), bias_start = int(bias_tokens.size());
      table.insert(table.end(), row.prompt.begin(), row.prompt.end());
      table.insert(table.end(), row.generated.begin(), row.generated.end());
      for (const auto& [token, value] : row.bias) {
        bias_tokens.push_back(token);
        bias_values.push_back(value);
      }
      ints.insert(ints.end(), {row.active, row.top_k, int(uint32_t(row.seed)), int(uint32_t(row.seed >> 32)),
                               row.position, start, int(table.size()) - start, int(row.prompt.size()), row.logprobs,
                               bias_start, int(row.bias.size()), 0});
    }
    tokens.assign(rows.size(), -77);
    logprobs.assign(rows.size() * size_t(1 + max_logprobs), 55.0f);
    logprob_tokens.assign(rows.size() * size_t(max_logprobs), -55);
    arguments = {logits.data(),   int(rows.size()),     int(rows[0].logits.size()), floats.data(), ints.data(),
                 table.data(),    bias_tokens.data(),   bias_values.data(),         max_logprobs,  tokens.data(),
                 logprobs.data(), logprob_tokens.data(), int(table.size()),         int(bias_tokens.size())};
  }
};

inline Sampled sample_rows(const upbeat::KernelSet& kernels, const std::vector<Row>& rows, int threads = 1,
                           int max_logprobs = 5) {
  SampleBatch batch(rows, max_logprobs);
  const auto before = batch.logits;
  run_kernel(kernels.sample, batch.arguments, pool_of(threads));
  CHECK(same_bits(before, batch.logits));
  return {batch.tokens, batch.logprobs, batch.logprob_tokens, max_logprobs};
}

inline int sample_one(const upbeat::KernelSet& kernels, const Row& row) {
  return sample_rows(kernels, {row}).tokens[0];
}

// Logits after bias and penalties.
inline std::vector<float> adjusted_logits(const Row& row) {
  std::vector<float> logits = row.logits;
  for (float& logit : logits) logit = std::isnan(logit) ? -INFINITY : logit;
  for (const auto& [token, value] : row.bias) logits[size_t(token)] += value;
  for (size_t token = 0; token < logits.size(); token++) {
    const auto count = std::count(row.generated.begin(), row.generated.end(), int(token));
    const bool seen = count > 0 || std::count(row.prompt.begin(), row.prompt.end(), int(token)) > 0;
    float& logit = logits[token];
    if (seen) logit = logit > 0 ? logit / row.repetition : logit * row.repetition;
    if (count > 0) logit = logit - row.frequency * float(count) - row.presence;
  }
  return logits;
}

inline std::vector<int> descending_order(const std::vector<float>& logits) {
  std::vector<int> order(logits.size());
  for (size_t i = 0; i < order.size(); i++) order[i] = int(i);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return logits[size_t(a)] > logits[size_t(b)]; });
  return order;
}

// The distribution from which the token is drawn, by id; `slack` moves the edge of top_p.
inline std::vector<double> distribution(const Row& row, double slack = 0) {
  const std::vector<float> logits = adjusted_logits(row);
  const std::vector<int> order = descending_order(logits);
  const size_t k = row.top_k > 0 ? std::min(size_t(row.top_k), order.size()) : order.size();
  std::vector<double> probabilities(logits.size());
  double total = 0;
  const double highest = logits[size_t(order[0])];
  for (size_t i = 0; i < k; i++) {
    total += probabilities[size_t(order[i])] = std::exp((double(logits[size_t(order[i])]) - highest) / row.temperature);
  }
  double sum = 0;
  for (size_t i = 0; i < k; i++) {
    double& p = probabilities[size_t(order[i])];
    if (row.top_p < 1 && i > 0 && sum >= (row.top_p + slack) * total) p = 0;
    sum += p;
    if (p < row.min_p * (1 - 1e-6)) p = 0;
  }
  total = 0;
  for (double p : probabilities) total += p;
  for (double& p : probabilities) p /= total;
  return probabilities;
}

// Whether the inverse CDF could have given `token`: rounding may move the target and the edges slightly.
inline bool plausible(const Row& row, int token) {
  const double u =
      upbeat::portable::uniform24(uint32_t(row.seed), uint32_t(row.seed >> 32), uint32_t(row.position)) * 0x1p-24;
  for (const double slack : {0.0, -1e-6, 1e-6}) {
    const std::vector<double> p = distribution(row, slack);
    double below = 0;
    for (int i = 0; i < token; i++) below += p[size_t(i)];
    if (u >= below - 2e-6 && u < below + p[size_t(token)] + 2e-6 && p[size_t(token)] > 0) return true;
  }
  return false;
}
