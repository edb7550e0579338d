// A paged cache with random sequences, for the tests of attention: any part of any sequence can be run as part of any
// batch, and its rows are compared across batches. Unwritten parts of the cache are NaN.
#pragma once

#include <algorithm>
#include <numeric>

#include "abi/backend.h"
#include "tests/native/support/kernels.h"

struct AttentionShape {
  int heads;
  int kv_heads;
  int head_dim;
  int block_size;
  int sliding_window;
  upbeat::Dtype dtype;

  float scale() const { return float(1 / std::sqrt(double(head_dim))); }
  int query_width() const { return heads * head_dim; }
  int kv_width() const { return kv_heads * head_dim; }
};

// Queries, keys and values of every position of one sequence.
struct Sequence {
  int length;
  std::vector<float> query, key, value;
};

inline Sequence random_sequence(const AttentionShape& shape, int length, Random& random) {
  return {length, random.normals(size_t(length) * shape.query_width()),
          random.normals(size_t(length) * shape.kv_width()), random.normals(size_t(length) * shape.kv_width())};
}

// Query rows [first, first + count) of a sequence, whose tokens up to there are in the cache.
struct Part {
  const Sequence* sequence;
  int first;
  int count;
};

// Runs the parts as one batch, in blocks placed by `random`; returns each part's rows.
inline std::vector<std::vector<float>> attend(const upbeat::KernelSet& kernels, int threads,
                                              const AttentionShape& shape, const std::vector<Part>& parts,
                                              Random& random) {
  upbeat::ThreadPool& pool = pool_of(threads);
  const int width = shape.query_width();
  int blocks = 3, max_blocks = 1;
  for (const Part& part : parts) {
    const int count = (part.first + part.count + shape.block_size - 1) / shape.block_size;
    blocks += count;
    max_blocks = std::max(max_blocks, count + 1);
  }
  std::vector<int> order(static_cast<size_t>(blocks));
  std::iota(order.begin(), order.end(), 0);
  for (int i = blocks - 1; i > 0; i--) std::swap(order[size_t(i)], order[size_t(random.below(i + 1))]);

  const size_t bytes =
      size_t(upbeat::kv_cache_bytes(shape.dtype, blocks, shape.block_size, shape.kv_heads, shape.head_dim));
  std::vector<uint8_t> keys(bytes, 0xff), values(bytes, 0xff);  // NaN in both dtypes
  const std::vector<float> identity = [&] {
    std::vector<float> table(size_t(shape.head_dim), 0.0f);
    std::fill(table.begin(), table.begin() + shape.head_dim / 2, 1.0f);
    return table;
  }();

  std::vector<int> tables(parts.size() * size_t(max_blocks), -1);
  std::vector<int> starts = {0}, lengths;
  std::vector<float> query;
  int used = 0;
  const int stride = width + 5;
  for (size_t i = 0; i < parts.size(); i++) {
    const Part& part = parts[i];
    const int length = part.first + part.count;
    int* table = tables.data() + i * size_t(max_blocks);
    for (int block = 0; block * shape.block_size < length; block++) table[block] = order[size_t(used++)];
    std::vector<float> rows;
    std::vector<int> slots, positions(static_cast<size_t>(length), 0);
    // Tokens that no row can see stay unwritten.
    const int lowest = shape.sliding_window > 0 ? std::max(0, part.first + 1 - shape.sliding_window) : 0;
    for (int t = 0; t < length; t++) {
      const Sequence& sequence = *part.sequence;
      const auto key = sequence.key.begin() + ptrdiff_t(t) * shape.kv_width();
      const auto value = sequence.value.begin() + ptrdiff_t(t) * shape.kv_width();
      rows.insert(rows.end(), key, key + shape.kv_width());
      rows.insert(rows.end(), value, value + shape.kv_width());
      slots.push_back(t < lowest ? -1 : table[t / shape.block_size] * shape.block_size + t % shape.block_size);
    }
    for (int block = 0; (block + 1) * shape.block_size <= lowest; block++) table[block] = -7;  // freed
    run_kernel<upbeat::RotaryCacheArguments>(
        kernels.rotary_cache,
        {rows.data(), positions.data(), slots.data(), identity.data(), nullptr, nullptr, 0, length, 0, shape.kv_heads,
         shape.head_dim, keys.data(), values.data(), shape.dtype, shape.block_size, 1, blocks},
        pool);
    for (int t = part.first; t < length; t++) {
      const auto row = part.sequence->query.begin() + ptrdiff_t(t) * width;
      query.insert(query.end(), row, row + width);
      query.insert(query.end(), size_t(stride - width), 0.0f);
    }
    starts.push_back(starts.back() + part.count);
    lengths.push_back(length);
  }

  const int rows = starts.back();
  std::vector<float> output(size_t(rows + 1) * width, 12345.0f);
  run_kernel<upbeat::AttentionArguments>(
      kernels.attention,
      {query.data(), stride, keys.data(), values.data(), shape.dtype, tables.data(), max_blocks, starts.data(),
       lengths.data(), int(parts.size()), rows + 1, shape.heads, shape.kv_heads, shape.head_dim, shape.block_size,
       shape.scale(), shape.sliding_window, output.data(), blocks},
      pool);
  for (int i = 0; i < width; i++) CHECK(output[size_t(rows) * width + i] == 12345.0f);
  std::vector<std::vector<float>> results;
  for (size_t i = 0; i < parts.size(); i++) {
    results.emplace_back(output.begin() + ptrdiff_t(starts[i]) * width,
                         output.begin() + ptrdiff_t(starts[i + 1]) * width);
  }
  return results;
}

// One query row, in double precision.
inline std::vector<double> attend_reference(const AttentionShape& shape, const Sequence& sequence, int position) {
  const auto kept = [&](float value) { return shape.dtype == upbeat::Dtype::bf16 ? through_bf16(value) : value; };
  std::vector<double> output(size_t(shape.query_width()));
  const int first = shape.sliding_window > 0 ? std::max(0, position + 1 - shape.sliding_window) : 0;
  for (int head = 0; head < shape.heads; head++) {
    const int kv_head = head / (shape.heads / shape.kv_heads);
    const float* query = sequence.query.data() + size_t(position) * shape.query_width() + head * shape.head_dim;
    std::vector<double> scores;
    for (int t = first; t <= position; t++) {
      const float* key = sequence.key.data() + size_t(t) * shape.kv_width() + kv_head * shape.head_dim;
      double score = 0;
      for (int d = 0; d < shape.head_dim; d++) score += double(query[d]) * kept(key[d]);
      scores.push_back(score * shape.scale());
    }
    const double highest = *std::max_element(scores.begin(), scores.end());
    double total = 0;
    for (double& score : scores) total += score = std::exp(score - highest);
    for (int t = first; t <= position; t++) {
      const float* value = sequence.value.data() + size_t(t) * shape.kv_width() + kv_head * shape.head_dim;
      for (int d = 0; d < shape.head_dim; d++) {
        output[size_t(head * shape.head_dim + d)] += scores[size_t(t - first)] / total * kept(value[d]);
      }
    }
  }
  return output;
}
