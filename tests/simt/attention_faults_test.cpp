// Attention over invalid batches: each schedule finds the fault and reports its place. (Results are checked by the
// tests of the ops.)
#include "library_test.h"

namespace {

// A batch of one head of 16 over a cache of four blocks of 16 tokens, with ones everywhere.
struct Batch {
  std::vector<int32_t> starts, lengths, tables;
  int32_t max_blocks = 3;

  int32_t requests() const { return int32_t(lengths.size()); }
};

// Runs a batch of `rows` rows and returns the result of the wait.
int32_t run(const Batch& batch, int32_t rows) {
  TestDevice test;
  const auto copy = [&](const std::vector<int32_t>& values) {
    auto* memory = test.memory<int32_t>(int64_t(values.size()));
    std::copy(values.begin(), values.end(), memory);
    return memory;
  };
  const auto ones = [&](int64_t count) {
    auto* memory = test.memory<float>(count);
    std::fill_n(memory, count, 1.0f);
    return memory;
  };
  const float* cache = ones(4 * 16 * 16);
  CHECK_OK(upbeat_attention(test.stream, ones(rows * 16), 16, cache, cache, UPBEAT_DTYPE_F32, copy(batch.tables),
                            batch.max_blocks, copy(batch.starts), copy(batch.lengths), batch.requests(), rows, 1, 1, 16,
                            16, 1, 0, test.memory<float>(rows * 16)));
  return upbeat_stream_synchronize(test.stream, -1);
}

// One batch per schedule: decode rows, one chunk, and both together. `odd` is the request that a test breaks.
struct Way {
  Batch batch;
  int32_t rows;
  size_t odd;
};

std::vector<Way> ways() {
  const std::vector<int32_t> tables = {0, 1, 2, 1, 2, 3, 2, 3, 0};
  return {
      {{{0, 1, 2, 3}, {40, 33, 17}, tables}, 3, 1},
      {{{0, 5}, {40}, {0, 1, 2}}, 5, 0},
      {{{0, 1, 6, 7}, {40, 33, 17}, tables}, 7, 0},
      {{{0, 1, 6, 7}, {40, 33, 17}, tables}, 7, 1},
  };
}

}  // namespace

TEST("attention runs over the batches of this file when they are not changed") {
  for (const Way& way : ways()) CHECK_EQUAL(run(way.batch, way.rows), 1);
}

TEST("attention faults when the block table lacks a block that a row sees") {
  for (Way way : ways()) {
    way.batch.tables[way.odd * 3 + 1] = -1;
    CHECK_ERROR(run(way.batch, way.rows), UPBEAT_ERROR_FAULT, "upbeat_attention: block 1 of request ");
  }
}

TEST("attention faults when a sequence is shorter than its query rows, or longer than its blocks") {
  for (Way way : ways()) {
    const int32_t count = way.batch.starts[way.odd + 1] - way.batch.starts[way.odd];
    way.batch.lengths[way.odd] = count - 1;
    if (count > 1) {
      CHECK_ERROR(run(way.batch, way.rows), UPBEAT_ERROR_FAULT, "has 5 query rows but a sequence of 4");
    } else {
      CHECK_EQUAL(run(way.batch, way.rows), 1);  // length 0: padding
    }
    way.batch.lengths[way.odd] = 49;
    CHECK_ERROR(run(way.batch, way.rows), UPBEAT_ERROR_FAULT, "has 49 tokens, more than 3 blocks of 16 hold");
  }
}

TEST("attention faults when query starts decrease, or name rows that do not exist") {
  for (Way way : ways()) {
    Way beyond = way;
    beyond.batch.starts.back() = way.rows + 1;
    CHECK_ERROR(run(beyond.batch, way.rows), UPBEAT_ERROR_FAULT, "upbeat_attention: query_starts gives request");
    way.batch.starts[way.odd] = way.batch.starts[way.odd + 1] + 1;
    CHECK_ERROR(run(way.batch, way.rows), UPBEAT_ERROR_FAULT, "upbeat_attention: query_starts gives request");
  }
}

int main() { return check::run_all(); }
