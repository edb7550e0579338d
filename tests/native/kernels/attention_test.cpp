// Attention against a double-precision reference, and bit for bit against itself in every way a row can be computed.
#include "tests/native/support/attention.h"

using upbeat::Dtype;

namespace {

std::vector<AttentionShape> shapes() {
  return {
      {14, 2, 64, 16, 0, Dtype::f32},   {14, 2, 64, 32, 0, Dtype::bf16}, {4, 4, 128, 16, 0, Dtype::f32},
      {8, 2, 128, 16, 70, Dtype::bf16}, {3, 1, 96, 48, 0, Dtype::f32},   {2, 1, 8, 7, 0, Dtype::f32},
      {5, 5, 10, 16, 33, Dtype::f32},   {6, 3, 32, 1, 0, Dtype::bf16},   {16, 1, 16, 16, 5, Dtype::bf16},
      {2, 2, 256, 20, 130, Dtype::f32}, {32, 4, 64, 16, 1, Dtype::f32},
  };
}

// Rows [first, first + count) of the sequence computed one by one, each as a decode alone on one thread.
std::vector<float> decoded(const upbeat::KernelSet& kernels, const AttentionShape& shape, const Sequence& sequence,
                           int first, int count, Random& random) {
  std::vector<float> rows;
  for (int i = first; i < first + count; i++) {
    const auto row = attend(kernels, 1, shape, {{&sequence, i, 1}}, random)[0];
    rows.insert(rows.end(), row.begin(), row.end());
  }
  return rows;
}

}  // namespace

TEST("attention agrees with a double-precision reference over random ragged batches") {
  Random random(1);
  for (const upbeat::KernelSet* kernels : kernel_sets()) {
    for (const AttentionShape& shape : shapes()) {
      std::vector<Sequence> sequences;
      std::vector<Part> parts;
      for (int i = 0; i < 5; i++) sequences.push_back(random_sequence(shape, random.between(1, 300), random));
      for (const Sequence& sequence : sequences) {
        const int count = random.below(3) == 0 ? 1 : random.between(1, std::min(40, sequence.length));
        parts.push_back({&sequence, random.between(0, sequence.length - count), count});
      }
      const auto results = attend(*kernels, 2, shape, parts, random);
      double worst = 0;
      for (size_t i = 0; i < parts.size(); i++) {
        for (int row = 0; row < parts[i].count; row++) {
          const auto expected = attend_reference(shape, *parts[i].sequence, parts[i].first + row);
          for (size_t j = 0; j < expected.size(); j++) {
            const double error = std::abs(results[i][size_t(row) * expected.size() + j] - expected[j]);
            worst = error <= worst ? worst : error;  // a NaN stays
          }
        }
      }
      CHECK(worst < 4e-6);
      if (!(worst < 4e-6)) std::printf("%s head_dim %d: %g\n", kernels->name, shape.head_dim, worst);
    }
  }
}

TEST("attention gives a row the same bits as decode, whole prefill and chunk, with any batch, placement and threads") {
  Random random(2);
  for (const upbeat::KernelSet* kernels : kernel_sets()) {
    for (const AttentionShape& shape : shapes()) {
      const int length = random.between(150, 190);
      const Sequence sequence = random_sequence(shape, length, random);
      const Sequence other = random_sequence(shape, 60, random);
      const std::vector<float> whole = attend(*kernels, 1, shape, {{&sequence, 0, length}}, random)[0];
      const int from = length - 45;
      CHECK(same_bits(decoded(*kernels, shape, sequence, from, 45, random),
                      {whole.begin() + ptrdiff_t(from) * shape.query_width(), whole.end()}));
      for (int threads = 1; threads <= 3; threads++) {
        CHECK(same_bits(attend(*kernels, threads, shape, {{&sequence, 0, length}}, random)[0], whole));
        std::vector<float> rows;
        for (int first = 0; first < length;) {
          const int count = std::min(random.between(1, 70), length - first);
          const auto results =
              attend(*kernels, threads, shape,
                     {{&other, 10, random.between(1, 40)}, {&sequence, first, count}, {&other, 59, 1}}, random);
          rows.insert(rows.end(), results[1].begin(), results[1].end());
          first += count;
        }
        CHECK(same_bits(rows, whole));
      }
    }
  }
}

TEST("attention over several splits agrees with the reference and keeps its bits in every division of work") {
  Random random(3);
  for (const upbeat::KernelSet* kernels : kernel_sets()) {
    for (const AttentionShape& shape : {AttentionShape{6, 2, 64, 16, 0, Dtype::f32},
                                        {6, 2, 64, 16, 1500, Dtype::bf16},
                                        {4, 4, 32, 24, 1030, Dtype::f32}}) {
      const int length = 3300;
      const Sequence sequence = random_sequence(shape, length, random);
      const Sequence other = random_sequence(shape, 900, random);
      const int first = 3040;  // the rows lie on both sides of a split, with and without the window
      const auto alone = attend(*kernels, 1, shape, {{&sequence, first, 60}}, random)[0];
      for (int row : {0, 31, 32, 59}) {
        const auto expected = attend_reference(shape, sequence, first + row);
        double worst = 0;
        for (size_t j = 0; j < expected.size(); j++) {
          worst = std::max(worst, std::abs(alone[size_t(row) * expected.size() + j] - expected[j]));
        }
        CHECK(worst < 4e-6);
      }
      for (int threads = 1; threads <= 3; threads++) {
        CHECK(same_bits(attend(*kernels, threads, shape, {{&sequence, first, 60}, {&other, 100, 300}}, random)[0],
                        alone));
        for (int row : {0, 31, 32, 59}) {
          const auto one = attend(*kernels, threads, shape, {{&other, 899, 1}, {&sequence, first + row, 1}}, random)[1];
          CHECK(same_bits(one, {alone.begin() + ptrdiff_t(row) * shape.query_width(),
                                alone.begin() + ptrdiff_t(row + 1) * shape.query_width()}));
        }
      }
    }
  }
}

TEST("attention keeps a later token's NaN and infinity out of earlier rows of the same chunk") {
  Random random(4);
  for (const upbeat::KernelSet* kernels : kernel_sets()) {
    for (const AttentionShape& shape : shapes()) {
      const int length = 130;
      Sequence sequence = random_sequence(shape, length, random);
      const auto clean = attend(*kernels, 2, shape, {{&sequence, 0, length}}, random)[0];
      for (const int broken : {3, 77, 128}) {
        Sequence changed = sequence;
        for (int i = 0; i < shape.kv_width(); i++) {
          changed.key[size_t(broken * shape.kv_width() + i)] = std::nanf("");
          changed.value[size_t(broken * shape.kv_width() + i)] = i % 2 ? INFINITY : std::nanf("");
        }
        const auto result = attend(*kernels, 2, shape, {{&changed, 0, length}}, random)[0];
        const size_t before = size_t(broken) * size_t(shape.query_width());
        CHECK(std::memcmp(result.data(), clean.data(), before * sizeof(float)) == 0);
        if (shape.sliding_window > 0 && broken + shape.sliding_window < length) {  // and out of rows beyond the window
          const size_t after = size_t(broken + shape.sliding_window) * size_t(shape.query_width());
          CHECK(std::memcmp(result.data() + after, clean.data() + after, (clean.size() - after) * sizeof(float)) == 0);
        }
      }
    }
  }
}

TEST("attention gives the same bits on AVX2 and AVX-512") {
  const upbeat::KernelSet* narrow = upbeat::kernel_set(UPBEAT_SIMD_AVX2);
  const upbeat::KernelSet* wide = upbeat::kernel_set(UPBEAT_SIMD_AVX512);
  if (!narrow || !wide) return;
  for (const AttentionShape& shape : shapes()) {
    Random random(5);
    const Sequence sequence = random_sequence(shape, 200, random);
    CHECK(same_bits(attend(*narrow, 2, shape, {{&sequence, 0, 200}}, random)[0],
                    attend(*wide, 2, shape, {{&sequence, 0, 200}}, random)[0]));
  }
}

TEST("attention of one token returns its value") {
  Random random(6);
  for (const upbeat::KernelSet* kernels : kernel_sets()) {
    const AttentionShape shape = {4, 2, 64, 16, 0, Dtype::f32};
    const Sequence sequence = random_sequence(shape, 1, random);
    const auto result = attend(*kernels, 1, shape, {{&sequence, 0, 1}}, random)[0];
    for (int i = 0; i < shape.query_width(); i++) {
      CHECK(result[size_t(i)] == sequence.value[size_t(i / 128 * 64 + i % 64)]);
    }
  }
}

TEST("attention writes zeros for a request without tokens, skips one without rows, and faults on bad tables") {
  for (const upbeat::KernelSet* kernels : kernel_sets()) {
    const int width = 2 * 16;
    std::vector<float> cache(16 * 16 * 2, 1.0f), query(size_t(4 * width), 1.0f), output(size_t(4 * width), 7.0f);
    std::vector<int> tables = {0, -1, 1, -1, 0, -1}, starts = {0, 1, 1, 3}, lengths = {0, 9, 17};
    upbeat::AttentionArguments arguments = {query.data(),
                                            width,
                                            cache.data(),
                                            cache.data(),
                                            Dtype::f32,
                                            tables.data(),
                                            2,
                                            starts.data(),
                                            lengths.data(),
                                            3,
                                            4,
                                            2,
                                            1,
                                            16,
                                            16,
                                            1.0f,
                                            0,
                                            output.data(),
                                            2};
    check_fault(kernels->attention, arguments, "block 1 of request 2 is -1");
    tables[5] = 2;
    check_fault(kernels->attention, arguments, "block 1 of request 2 is 2 in the block table, outside a cache of 2");
    lengths[2] = 33;
    check_fault(kernels->attention, arguments, "more than 2 blocks of 16");
    lengths[2] = 1;
    check_fault(kernels->attention, arguments, "2 query rows but a sequence of 1");
    starts[3] = 5;
    check_fault(kernels->attention, arguments, "rows 1 to 5 of 4");
    starts[3] = 3;
    lengths[2] = 16;
    run_kernel(kernels->attention, arguments, pool_of(2));
    for (int i = 0; i < 4 * width; i++) CHECK_EQUAL(output[size_t(i)], i < width ? 0.0f : i < 3 * width ? 1.0f : 7.0f);
  }
}

int main() { return check::run_all(); }
