// Sampling against a plain reference, its distribution, its edge cases, and bit for bit against itself.
#include "tests/native/support/sampling.h"

using upbeat::KernelSet;

namespace {

Row random_row(Random& random, int vocabulary) {
  Row row;
  row.logits = random.normals(size_t(vocabulary), float(random.between(1, 6)));
  if (random.below(3) == 0) {
    for (float& logit : row.logits) logit = std::round(logit);  // many ties
  }
  if (random.below(4) == 0) {
    for (int i = 0; i < vocabulary / 3; i++) row.logits[size_t(random.below(vocabulary))] = i % 2 ? -INFINITY : NAN;
    row.logits[size_t(random.below(vocabulary))] = 0.5f;
  }
  row.temperature = random.below(5) == 0 ? 0 : float(0.3 + 1.5 * random.uniform());
  if (random.below(2)) row.top_k = random.between(1, vocabulary + 3);
  if (random.below(2)) row.top_p = float(random.uniform());
  if (random.below(3) == 0) row.min_p = float(0.3 * random.uniform());
  if (random.below(3) == 0) {
    row.repetition = float(0.8 + random.uniform());
    row.presence = float(random.uniform() - 0.3);
    row.frequency = float(random.uniform() - 0.3);
    for (int i = random.below(20); i > 0; i--) row.prompt.push_back(random.below(vocabulary));
    for (int i = random.below(20); i > 0; i--) row.generated.push_back(random.below(vocabulary));
  }
  if (random.below(4) == 0) {
    for (int i = random.below(5); i > 0; i--) row.bias.push_back({random.below(vocabulary), 4 * random.normal()});
  }
  row.seed = random.next();
  row.position = random.below(100000);
  row.logprobs = random.between(-1, std::min(5, vocabulary));
  return row;
}

bool all_equal(const Sampled& a, const Sampled& b) {
  return a.tokens == b.tokens && same_bits(a.logprobs, b.logprobs) && a.logprob_tokens == b.logprob_tokens;
}

}  // namespace

TEST("philox agrees with the known answers of Random123") {
  const struct {
    uint32_t counter[4], key[2], expected[4];
  } cases[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const auto& known : cases) {
    const upbeat::portable::Philox result = upbeat::portable::philox(known.counter, known.key);
    for (int i = 0; i < 4; i++) CHECK_EQUAL(result.words[i], known.expected[i]);
  }
}

TEST("exp is within 2 ulp of the true value, 1 at 0, and 0 for -infinity and NaN") {
  double worst = 0;
  for (float x = -87.33f; x < 88.37f; x += 0.00137f) {
    const double expected = std::exp(double(x));
    const float nearest = float(expected);
    const double ulp = double(std::nextafter(nearest, INFINITY)) - nearest;
    worst = std::max(worst, std::abs(upbeat::portable::exp(x) - expected) / ulp);
  }
  CHECK(worst < 2);
  CHECK_EQUAL(upbeat::portable::exp(0.0f), 1.0f);
  CHECK_EQUAL(upbeat::portable::exp(-0.0f), 1.0f);
  CHECK_EQUAL(upbeat::portable::exp(-INFINITY), 0.0f);
  CHECK_EQUAL(upbeat::portable::exp(-1e30f), 0.0f);
  CHECK_EQUAL(upbeat::portable::exp(-88.0f), 0.0f);
  CHECK_EQUAL(upbeat::portable::exp(NAN), 0.0f);
}

TEST("sample draws what a plain reference draws, for random parameters") {
  Random random(1);
  for (const KernelSet* kernels : kernel_sets()) {
    for (int i = 0; i < 400; i++) {
      const Row row = random_row(random, random.below(2) ? random.between(1, 40) : random.between(1, 2600));
      const int token = sample_one(*kernels, row);
      if (row.temperature == 0) {
        CHECK_EQUAL(token, descending_order(adjusted_logits(row))[0]);
      } else {
        CHECK(plausible(row, token));
      }
    }
  }
}

TEST("sample gives a row the same bits alone, in any batch and with any threads, on every set that fuses") {
  Random random(2);
  for (const int vocabulary : {3, 1024, 2500}) {
    std::vector<Row> rows;
    for (int i = 0; i < 60; i++) rows.push_back(random_row(random, vocabulary));
    const Sampled* first = nullptr;
    std::vector<Sampled> results;
    results.reserve(8);
    for (const KernelSet* kernels : kernel_sets()) {
      results.push_back(sample_rows(*kernels, rows, 1));
      const Sampled& whole = results.back();
      for (int threads = 2; threads <= 3; threads++) CHECK(all_equal(sample_rows(*kernels, rows, threads), whole));
      for (size_t i = 0; i < rows.size(); i++) {
        const Sampled alone = sample_rows(*kernels, {rows[i]}, 3);
        CHECK_EQUAL(alone.tokens[0], whole.tokens[i]);
        CHECK(std::equal(alone.logprobs.begin(), alone.logprobs.end(), whole.logprobs.begin() + ptrdiff_t(i) * 6));
      }
      if (kernels == upbeat::kernel_set(UPBEAT_SIMD_PORTABLE)) continue;
      if (first) CHECK(all_equal(whole, *first));
      first = &whole;
    }
  }
}

TEST("sample follows the softmax: chi-square over 60000 draws") {
  Random random(3);
  const int vocabulary = 40, draws = 60000;
  for (const KernelSet* kernels : kernel_sets()) {
    for (int variant = 0; variant < 4; variant++) {
      Row row;
      row.logits = random.normals(size_t(vocabulary), 1.2f);
      row.temperature = variant == 3 ? 2.0f : 0.9f;
      row.top_k = variant == 1 ? 12 : 0;
      row.top_p = variant == 2 ? 0.8f : 1.0f;
      row.seed = 0x123456789abcdefull + uint64_t(variant);
      std::vector<Row> rows(draws, row);
      for (int i = 0; i < draws; i++) rows[size_t(i)].position = i;
      std::vector<int> counts(static_cast<size_t>(vocabulary));
      for (const int token : sample_rows(*kernels, rows, 2).tokens) counts[size_t(token)]++;
      const auto p = distribution(row);
      double chi = 0;
      int cells = 0;
      for (int i = 0; i < vocabulary; i++) {
        const double expected = p[size_t(i)] * draws;
        if (p[size_t(i)] == 0) CHECK_EQUAL(counts[size_t(i)], 0);
        if (expected < 5) continue;
        chi += (counts[size_t(i)] - expected) * (counts[size_t(i)] - expected) / expected;
        cells++;
      }
      CHECK(cells > 8);
      CHECK(chi < cells + 5 * std::sqrt(2.0 * cells));  // five standard deviations
    }
  }
}

TEST("sample draws from exactly the tokens that top-k, top-p and min-p keep, ties by lower id") {
  for (const KernelSet* kernels : kernel_sets()) {
    const auto support = [&](Row row) {
      std::vector<Row> rows(3000, row);
      for (int i = 0; i < 3000; i++) rows[size_t(i)].position = i;
      std::vector<int> seen = sample_rows(*kernels, rows).tokens;
      std::sort(seen.begin(), seen.end());
      seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
      return seen;
    };
    Row row;
    row.logits = {1, 2, 2, 0, 2, 1, -0.0f, 0};
    row.top_k = 2;
    CHECK((support(row) == std::vector<int>{1, 2}));
    row.top_k = 4;
    CHECK((support(row) == std::vector<int>{0, 1, 2, 4}));
    row.top_k = 7;
    CHECK((support(row) == std::vector<int>{0, 1, 2, 3, 4, 5, 6}));  // -0 equals 0
    row.top_k = 1;
    CHECK((support(row) == std::vector<int>{1}));

    row = {};
    row.logits = {std::log(0.1f), std::log(0.4f), std::log(0.2f), std::log(0.3f)};
    row.top_p = 0.0f;
    CHECK((support(row) == std::vector<int>{1}));
    row.top_p = 0.39f;
    CHECK((support(row) == std::vector<int>{1}));
    row.top_p = 0.41f;
    CHECK((support(row) == std::vector<int>{1, 3}));
    row.top_p = 0.71f;
    CHECK((support(row) == std::vector<int>{1, 2, 3}));
    row.top_p = 0.999f;
    CHECK((support(row) == std::vector<int>{0, 1, 2, 3}));
    row.top_k = 2;  // 0.4 / 0.7 = 0.571
    row.top_p = 0.56f;
    CHECK((support(row) == std::vector<int>{1}));
    row.top_p = 0.58f;
    CHECK((support(row) == std::vector<int>{1, 3}));
    row = {.logits = row.logits, .min_p = 0.45f};
    CHECK((support(row) == std::vector<int>{1, 2, 3}));
    row.min_p = 0.6f;
    CHECK((support(row) == std::vector<int>{1, 3}));
    row.min_p = 1.0f;
    CHECK((support(row) == std::vector<int>{1}));
    row = {.logits = {5, 5, 5, 5}, .top_p = 0.5f};
    CHECK((support(row) == std::vector<int>{0, 1}));
    row = {.logits = {-INFINITY, 3, NAN}};
    CHECK((support(row) == std::vector<int>{1}));
    row = {.logits = {1, INFINITY, 2, INFINITY}};
    CHECK((support(row) == std::vector<int>{1, 3}));
    row.temperature = 1e-42f;
    CHECK((support(row) == std::vector<int>{1, 3}));
    row = {.logits = {1, 2, 1.999f}, .temperature = 1e-42f};
    CHECK((support(row) == std::vector<int>{1}));
    row = {.logits = {7}};
    CHECK((support(row) == std::vector<int>{0}));
  }
}

TEST("sample handles whole vocabularies: greedy, flat top-p near 1, top-k of nearly all") {
  Random random(4);
  const int vocabulary = 151936;
  for (const KernelSet* kernels : kernel_sets()) {
    Row row;
    row.logits = random.normals(size_t(vocabulary), 2);
    row.seed = 77;
    row.temperature = 0;
    row.logits[151930] = row.logits[70000] = 40;
    CHECK_EQUAL(sample_one(*kernels, row), 70000);
    row.logits[70000] = 0;
    CHECK_EQUAL(sample_one(*kernels, row), 151930);
    row.logits[151930] = 0;
    row.temperature = 1;
    for (const float top_p : {1.0f, 0.999999f, 0.95f, 0.1f}) {
      for (const int top_k : {0, 50, 151935}) {
        row.top_p = top_p;
        row.top_k = top_k;
        row.position++;
        CHECK(plausible(row, sample_one(*kernels, row)));
      }
    }
    row.top_k = 0;
    std::fill(row.logits.begin(), row.logits.end(), 3.0f);  // all equal: a prefix of the ids
    row.top_p = 0.5f;
    for (int i = 0; i < 8; i++) {
      row.position = i;
      CHECK(sample_one(*kernels, row) < 75968);
    }
    row.top_p = 0.9999999f;
    CHECK(plausible(row, sample_one(*kernels, row)));
    row.temperature = 0;
    CHECK_EQUAL(sample_one(*kernels, row), 0);
  }
}

TEST("sample applies bias, repetition, frequency and presence penalties once per token, for one row only") {
  for (const KernelSet* kernels : kernel_sets()) {
    Row row = {.logits = {4, 3.9f, -1, 3.5f}, .temperature = 0};
    CHECK_EQUAL(sample_one(*kernels, row), 0);
    row.prompt = {0, 0, 0};
    CHECK_EQUAL(sample_one(*kernels, row), 0);
    row.presence = row.frequency = 3;  // over the output only
    CHECK_EQUAL(sample_one(*kernels, row), 0);
    row.generated = {0};
    CHECK_EQUAL(sample_one(*kernels, row), 1);
    row = {.logits = {4, 3.9f, -1, 3.5f}, .temperature = 0, .repetition = 1.1f, .prompt = {0, 1, 0, 0}};
    CHECK_EQUAL(sample_one(*kernels, row), 0);  // 3.636, 3.545, -1, 3.5: once, though 0 occurs three times
    row.generated = {0, 1};
    row.frequency = 0.2f;
    CHECK_EQUAL(sample_one(*kernels, row), 3);
    row = {.logits = {-2, -2.1f}, .temperature = 0, .repetition = 1.5f, .prompt = {0}};
    CHECK_EQUAL(sample_one(*kernels, row), 1);
    row = {.logits = {4, 3.9f, -1, 3.5f}, .temperature = 0, .bias = {{2, 3.0f}, {2, 3.0f}, {0, -INFINITY}}};
    CHECK_EQUAL(sample_one(*kernels, row), 2);
    row = {.logits = {NAN, 1, -5}, .temperature = 0, .bias = {{0, 100.0f}}};
    CHECK_EQUAL(sample_one(*kernels, row), 1);
    Row clean = {.logits = {4, 3.9f, -1, 3.5f}, .temperature = 0, .presence = 1, .generated = {3}};
    CHECK_EQUAL(sample_one(*kernels, clean), 0);  // earlier histories have no effect
  }
}

TEST("sample writes log-probabilities of the raw logits and the most likely tokens in order") {
  Random random(5);
  for (const KernelSet* kernels : kernel_sets()) {
    for (const int vocabulary : {1, 5, 30, 5000}) {
      Row row;
      row.logits = random.normals(size_t(vocabulary), 3);
      if (vocabulary == 30) {
        for (size_t i = 0; i < 30; i++) row.logits[i] = i < 27 ? -INFINITY : i == 28 ? NAN : 1.0f;
      }
      row.bias = {{0, 50.0f}};  // changes the choice, not the log-probabilities
      row.logprobs = std::min(4, vocabulary);
      Row none = row;
      none.logprobs = -1;
      Row own = row;
      own.logprobs = 0;
      const Sampled result = sample_rows(*kernels, {none, row, own}, 2, 6);
      for (int i = 0; i < 7; i++) CHECK_EQUAL(result.logprobs[size_t(i)], 55.0f);
      double total = 0;
      const auto logit = [&](int id) {
        return std::isnan(row.logits[size_t(id)]) ? -INFINITY : row.logits[size_t(id)];
      };
      for (int i = 0; i < vocabulary; i++) total += std::exp(double(logit(i)));
      const auto close = [&](float actual, int id) {
        const double expected = double(logit(id)) - std::log(total);
        return actual == expected || std::abs(actual - expected) < 1e-5;
      };
      CHECK(close(result.logprobs[7], result.tokens[1]));
      CHECK(close(result.logprobs[14], result.tokens[2]));
      CHECK_EQUAL(result.logprobs[15], 55.0f);
      std::vector<float> clean;
      for (int i = 0; i < vocabulary; i++) clean.push_back(logit(i));
      const auto order = descending_order(clean);
      for (int i = 0; i < row.logprobs; i++) {
        CHECK_EQUAL(result.logprob_tokens[size_t(6 + i)], order[size_t(i)]);
        CHECK(close(result.logprobs[size_t(8 + i)], order[size_t(i)]));
      }
      CHECK_EQUAL(result.logprob_tokens[size_t(6 + row.logprobs)], -55);
    }
  }
}

TEST("sample gives -1 for padding and faults on invalid rows, naming them") {
  for (const KernelSet* kernels : kernel_sets()) {
    const auto faults = [&](const Row& row, const char* words) {
      const Row good = {.logits = std::vector<float>(row.logits.size(), 1.0f)};
      SampleBatch batch({good, row, row}, 2);
      check_fault(kernels->sample, batch.arguments, words);
    };
    CHECK_EQUAL(sample_one(*kernels, {.logits = {NAN, NAN}, .active = false}), -1);
    faults({.logits = {1, 2}, .bias = {{0, 1.0f}, {2, 1.0f}}}, "row 1: bias token 2 at 1");
    faults({.logits = {1, 2}, .presence = 1, .prompt = {0, 1}, .generated = {-1}},
           "row 1: token -1 at 5 of the token table");
    faults({.logits = {1, 2}, .logprobs = 3}, "row 1 asks for 3 log-probabilities");
    Row row = {.logits = {4, 3}, .temperature = 0, .presence = 2, .generated = {0}};
    CHECK_EQUAL(sample_one(*kernels, row), 1);
  }
}

TEST("sample gives UPBEAT_TOKEN_NOT_FINITE for rows without a finite logit, and leaves other rows alone") {
  Random random(8);
  for (const KernelSet* kernels : kernel_sets()) {
    for (const int vocabulary : {1, 2, 17, 300, 5000}) {
      std::vector<Row> rows;
      const int count = random.between(1, 9);
      for (int i = 0; i < count; i++) {
        Row row = {.logits = random.normals(size_t(vocabulary), 4)};
        row.temperature = random.below(3) == 0 ? 0.0f : 0.8f;
        row.top_k = random.below(2) == 0 ? 0 : random.between(1, 20);
        row.top_p = random.below(2) == 0 ? 1.0f : 0.9f;
        row.min_p = random.below(2) == 0 ? 0.0f : 0.05f;
        row.seed = uint64_t(i);
        row.logprobs = random.between(-1, 1);
        if (random.below(2) == 0) row.presence = 0.5f, row.repetition = 1.1f, row.generated = {0, 0};
        rows.push_back(row);
      }
      const Sampled clean = sample_rows(*kernels, rows, 2, 3);
      std::vector<bool> hostile(rows.size());
      for (size_t i = 0; i < rows.size(); i++) {
        if (random.below(2) == 0) continue;
        hostile[i] = true;
        if (random.below(3) == 0) {
          for (int id = 0; id < vocabulary; id++) rows[i].bias.push_back({id, -INFINITY});
        } else {
          const float values[] = {NAN, -INFINITY, INFINITY};
          const int kinds = random.between(1, 3);
          for (float& logit : rows[i].logits) logit = values[random.below(kinds)];
        }
      }
      const Sampled mixed = sample_rows(*kernels, rows, 2, 3);
      for (size_t i = 0; i < rows.size(); i++) {
        if (hostile[i]) {
          CHECK_EQUAL(mixed.tokens[i], UPBEAT_TOKEN_NOT_FINITE);
          for (size_t n = 0; n < 4; n++) CHECK_EQUAL(mixed.logprobs[4 * i + n], 55.0f);
          for (size_t n = 0; n < 3; n++) CHECK_EQUAL(mixed.logprob_tokens[3 * i + n], -55);
          continue;
        }
        CHECK_EQUAL(mixed.tokens[i], clean.tokens[i]);
        for (size_t n = 0; n < 4; n++) CHECK_EQUAL(mixed.logprobs[4 * i + n], clean.logprobs[4 * i + n]);
        for (size_t n = 0; n < 3; n++) CHECK_EQUAL(mixed.logprob_tokens[3 * i + n], clean.logprob_tokens[3 * i + n]);
      }
    }
  }
}

TEST("sample counts infinite logits as equal and the rest as impossible, in log-probabilities too") {
  for (const KernelSet* kernels : kernel_sets()) {
    for (const float temperature : {0.0f, 1.0f}) {
      const Row row = {.logits = {1, INFINITY, NAN, -INFINITY, 3, INFINITY}, .temperature = temperature, .logprobs = 3};
      const Sampled result = sample_rows(*kernels, {row}, 1, 3);
      CHECK(result.tokens[0] == 1 || (temperature > 0 && result.tokens[0] == 5));
      CHECK((result.logprob_tokens == std::vector<int>{1, 5, 0}));
      const float half = float(std::log(0.5));
      CHECK(std::abs(result.logprobs[0] - half) < 1e-6f && std::abs(result.logprobs[1] - half) < 1e-6f);
      CHECK(std::abs(result.logprobs[2] - half) < 1e-6f && result.logprobs[3] == -INFINITY);
    }
  }
}

int main() { return check::run_all(); }
