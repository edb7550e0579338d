// Weights and file loads: row coverage, unaligned ranges, files that are missing, short, or changed.
#include <cstring>
#include <numeric>

#include "tests/native/support/device.h"

namespace {

// A matrix whose elements are all different.
std::vector<float> counted(int32_t rows, int32_t columns) {
  std::vector<float> values(size_t(rows) * size_t(columns));
  std::iota(values.begin(), values.end(), 1.0f);
  return values;
}

// The weight on the device, row by row, by the embedding of every row number.
std::vector<float> read_back(TestDevice& test, int32_t weight, int32_t rows, int32_t columns) {
  std::vector<int32_t> tokens(static_cast<size_t>(rows));
  std::iota(tokens.begin(), tokens.end(), 0);
  auto* output = test.memory<float>(int64_t(rows) * columns);
  CHECK_OK(upbeat_embedding(test.stream, weight, test.host_of(tokens), rows, output));
  test.finish();
  return {output, output + int64_t(rows) * columns};
}

}  // namespace

TEST("weight_load() puts every row in its place when ranges cut panels") {
  for (const int32_t threads : {1, 3}) {
    TestDevice test(threads);
    constexpr int32_t kRows = 101;
    constexpr int32_t kColumns = 37;
    const std::vector<float> values = counted(kRows, kColumns);
    const TestFile file("panels", values, 3);  // at an odd offset
    const int32_t weight = upbeat_weight_create(test.device, UPBEAT_DTYPE_F32, kRows, kColumns, UPBEAT_DTYPE_F32);
    constexpr int32_t kCuts[] = {0, 7, 33, 64, 65, 99, 101};
    for (const int index : {4, 0, 2, 5, 1, 3}) {
      const int32_t first = kCuts[index];
      CHECK_OK(upbeat_weight_load(test.stream, weight, first, kCuts[index + 1] - first, file.path(),
                                  3 + int64_t(first) * kColumns * 4, 0));
    }
    CHECK(read_back(test, weight, kRows, kColumns) == values);
  }
}

TEST("weight_load() gives the same as the file when it is read in several pieces") {
  TestDevice test;
  constexpr int32_t kRows = 1500;
  constexpr int32_t kColumns = 2049;  // about 12 MB: more than one piece, pieces not whole panels of the range
  const std::vector<float> values = counted(kRows, kColumns);
  const TestFile file("pieces", values);
  const int32_t weight = upbeat_weight_create(test.device, UPBEAT_DTYPE_F32, kRows, kColumns, UPBEAT_DTYPE_F32);
  CHECK_OK(upbeat_weight_load(test.stream, weight, 5, kRows - 5, file.path(), 5 * kColumns * 4, 0));
  CHECK_OK(upbeat_weight_load(test.stream, weight, 0, 5, file.path(), 0, 0));
  CHECK(read_back(test, weight, kRows, kColumns) == values);
}

TEST("weight_upload() gives the same as weight_load()") {
  TestDevice test;
  const std::vector<float> values = counted(40, 8);
  const int32_t weight = upbeat_weight_create(test.device, UPBEAT_DTYPE_F32, 40, 8, UPBEAT_DTYPE_F32);
  auto* source = test.host_of(values);
  CHECK_OK(upbeat_weight_upload(test.stream, weight, 10, 30, source + 80));
  CHECK_OK(upbeat_weight_upload(test.stream, weight, 0, 10, source));
  CHECK(read_back(test, weight, 40, 8) == values);
}

TEST("a weight is refused as an operand when rows are missing") {
  TestDevice test;
  const int32_t weight = upbeat_weight_create(test.device, UPBEAT_DTYPE_BF16, 10, 4, UPBEAT_DTYPE_F32);
  auto* source = test.host<uint16_t>(40);
  auto* input = test.memory<float>(64);
  auto* tokens = test.memory<int32_t>(1);
  auto* output = test.memory<float>(64);
  CHECK_ERROR(upbeat_linear(test.stream, weight, input, nullptr, nullptr, 1, output), UPBEAT_ERROR_INVALID_ARGUMENT,
              "0 of 10 rows are loaded; row 0 is missing");
  CHECK_OK(upbeat_weight_upload(test.stream, weight, 0, 4, source));
  CHECK_OK(upbeat_weight_upload(test.stream, weight, 6, 4, source));
  CHECK_ERROR(upbeat_embedding(test.stream, weight, tokens, 1, output), UPBEAT_ERROR_INVALID_ARGUMENT,
              "8 of 10 rows are loaded; row 4 is missing");
  CHECK_OK(upbeat_weight_upload(test.stream, weight, 4, 2, source));
  CHECK_OK(upbeat_linear(test.stream, weight, input, nullptr, nullptr, 1, output));
  test.finish();
}

TEST("a row is refused when it is loaded already or outside the weight") {
  TestDevice test;
  const int32_t weight = upbeat_weight_create(test.device, UPBEAT_DTYPE_F16, 10, 4, UPBEAT_DTYPE_F32);
  auto* source = test.host<uint16_t>(40);
  auto upload = [&](int32_t first, int32_t count) {
    return upbeat_weight_upload(test.stream, weight, first, count, source);
  };
  CHECK_OK(upload(3, 4));
  CHECK_ERROR(upload(3, 4), UPBEAT_ERROR_INVALID_ARGUMENT, "loaded already");
  CHECK_ERROR(upload(0, 4), UPBEAT_ERROR_INVALID_ARGUMENT, "loaded already");
  CHECK_ERROR(upload(6, 1), UPBEAT_ERROR_INVALID_ARGUMENT, "loaded already");
  CHECK_ERROR(upload(4, 1), UPBEAT_ERROR_INVALID_ARGUMENT, "loaded already");
  CHECK_ERROR(upload(7, 4), UPBEAT_ERROR_INVALID_ARGUMENT, "outside a weight of 10 rows");
  CHECK_ERROR(upload(-1, 2), UPBEAT_ERROR_INVALID_ARGUMENT, "first_row");
  CHECK_ERROR(upload(0, 0), UPBEAT_ERROR_INVALID_ARGUMENT, "row_count");
  CHECK_ERROR(upload(INT32_MAX, INT32_MAX), UPBEAT_ERROR_INVALID_ARGUMENT, "row_count");
  CHECK_OK(upload(7, 3));
  CHECK_OK(upload(0, 3));
  test.finish();
}

TEST("weight_create() refuses shapes that are wrong or cannot fit") {
  TestDevice test;
  CHECK_ERROR(upbeat_weight_create(test.device, 3, 4, 4, UPBEAT_DTYPE_F32), UPBEAT_ERROR_INVALID_ARGUMENT, "dtype");
  CHECK_ERROR(upbeat_weight_create(test.device, 0, 0, 4, UPBEAT_DTYPE_F32), UPBEAT_ERROR_INVALID_ARGUMENT, "rows");
  CHECK_ERROR(upbeat_weight_create(test.device, 0, 4, -1, UPBEAT_DTYPE_F32), UPBEAT_ERROR_INVALID_ARGUMENT, "columns");
  CHECK_ERROR(upbeat_weight_create(test.device, 0, INT32_MAX, INT32_MAX, UPBEAT_DTYPE_F32), UPBEAT_ERROR_OUT_OF_MEMORY,
              "weight");
  CHECK_ERROR(upbeat_weight_create(test.device, 0, 1 << 20, 1 << 20, UPBEAT_DTYPE_F32), UPBEAT_ERROR_OUT_OF_MEMORY,
              "weight");
  int64_t usage[3];
  CHECK_OK(upbeat_device_usage(test.device, usage));
  CHECK_EQUAL(usage[2], int64_t(0));
}

TEST("a load fails at the call when the file is missing, short, or no file") {
  TestDevice test;
  const int32_t weight = upbeat_weight_create(test.device, UPBEAT_DTYPE_F32, 4, 4, UPBEAT_DTYPE_F32);
  auto* memory = test.memory<float>(16);
  const TestFile missing("missing");
  const TestFile file("short", std::vector<float>(16));
  CHECK_ERROR(upbeat_weight_load(test.stream, weight, 0, 4, missing.path(), 0, 0), UPBEAT_ERROR_FILE, "-missing");
  CHECK_ERROR(upbeat_weight_load(test.stream, weight, 0, 4, "/", 0, 0), UPBEAT_ERROR_FILE, "not a regular file");
  CHECK_ERROR(upbeat_weight_load(test.stream, weight, 0, 4, file.path(), 1, 0), UPBEAT_ERROR_FILE,
              "64 bytes from 1 are wanted and it has 64");
  CHECK_ERROR(upbeat_weight_load(test.stream, weight, 0, 4, file.path(), INT64_MAX, 0), UPBEAT_ERROR_FILE, "-short");
  CHECK_ERROR(upbeat_weight_load(test.stream, weight, 0, 4, file.path(), -4, 0), UPBEAT_ERROR_INVALID_ARGUMENT,
              "offset");
  CHECK_ERROR(upbeat_weight_load(test.stream, weight, 0, 4, nullptr, 0, 0), UPBEAT_ERROR_INVALID_ARGUMENT, "path");
  CHECK_ERROR(upbeat_memory_load(test.stream, memory, file.path(), 60, UPBEAT_DTYPE_BF16, 4), UPBEAT_ERROR_FILE,
              "8 bytes from 60");
  CHECK_ERROR(upbeat_memory_load(test.stream, memory, file.path(), 0, UPBEAT_DTYPE_F32, -1),
              UPBEAT_ERROR_INVALID_ARGUMENT, "count");
  CHECK_ERROR(upbeat_memory_load(test.stream, memory, file.path(), 0, UPBEAT_DTYPE_F32, INT64_MAX / 2),
              UPBEAT_ERROR_INVALID_ARGUMENT, "overflow");
  // A failed load does not count.
  CHECK_OK(upbeat_weight_load(test.stream, weight, 0, 4, file.path(), 0, 0));
  test.finish();
}

TEST("a load faults, and the process lives, when the file is cut after the check") {
  TestDevice test;
  const std::vector<float> values = counted(64, 1024);
  const TestFile file("cut", values);
  const int32_t weight = upbeat_weight_create(test.device, UPBEAT_DTYPE_F32, 64, 1024, UPBEAT_DTYPE_F32);
  Hold hold(test.stream);
  CHECK_OK(upbeat_weight_load(test.stream, weight, 0, 64, file.path(), 0, 0));
  file.truncate(4096);
  hold.let_go();
  CHECK_ERROR(upbeat_stream_synchronize(test.stream, -1), UPBEAT_ERROR_FAULT, "was cut short");
}

TEST("memory_load() converts each dtype") {
  TestDevice test;
  auto* memory = test.memory<float>(3);
  const TestFile f32("f32", std::vector<float>{1.5f, -2.0f, 0.25f}, 1);
  const TestFile f16("f16", std::vector<uint16_t>{0x3e00, 0xc000, 0x3400}, 1);
  const TestFile bf16("bf16", std::vector<uint16_t>{0x3fc0, 0xc000, 0x3e80}, 1);
  int32_t dtype = 0;
  for (const TestFile* file : {&f32, &f16, &bf16}) {
    CHECK_OK(upbeat_memory_fill(test.stream, memory, 0, 12));
    CHECK_OK(upbeat_memory_load(test.stream, memory, file->path(), 1, dtype++, 3));
    test.finish();
    CHECK_EQUAL(memory[0], 1.5f);
    CHECK_EQUAL(memory[1], -2.0f);
    CHECK_EQUAL(memory[2], 0.25f);
  }
}

TEST("many pending loads of one file take one descriptor, and none is left") {
  TestDevice test;
  const TestFile file("many", std::vector<float>(4));
  auto descriptors = [] {
    const auto folder = std::filesystem::directory_iterator("/proc/self/fd");
    return std::distance(begin(folder), end(folder));
  };
  if (!std::filesystem::exists("/proc/self/fd")) return;
  const auto before = descriptors();
  auto* memory = test.memory<float>(4);
  {
    Hold hold(test.stream);
    for (int i = 0; i < 2000; ++i) {
      CHECK_OK(upbeat_memory_load(test.stream, memory, file.path(), 0, UPBEAT_DTYPE_F32, 4));
    }
    CHECK_EQUAL(descriptors(), before + 1);
  }
  test.finish();
  CHECK_EQUAL(descriptors(), before);
}

int main() { return check::run_all(); }
