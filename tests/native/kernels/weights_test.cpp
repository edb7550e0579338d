// pack, convert and embedding of every kernel set of this machine.
#include <algorithm>

#include "tests/native/support/matrix.h"

using upbeat::Dtype;
using upbeat::KernelSet;

namespace {

void check_pack(const KernelSet& kernels, Dtype dtype, int rows, int columns, Random& random) {
  const Matrix matrix(dtype, rows, columns, random);
  Packed packed(kernels, dtype, rows, columns);
  for (int first = 0; first < rows;) {
    const int count = 1 + random.below(std::min(rows - first, 70));
    packed.fill(kernels, pool_of(3), matrix, first, count);
    first += count;
  }
  const size_t bytes = upbeat::dtype_bytes(dtype);
  const uint8_t* data = static_cast<const uint8_t*>(packed.weight.data);
  const std::vector<uint8_t> zeros(bytes);
  const int padded = int(packed.weight.padded_columns);
  const bool pairs = uses_tiles(kernels, dtype);
  CHECK_EQUAL(padded, pairs ? (columns + 31) / 32 * 32 : columns);
  for (int row = 0; row < upbeat::panel_count(packed.weight) * 32; row++) {
    for (int k = 0; k < padded; k++) {
      const bool present = row < rows && k < columns;
      const uint8_t* expected = present ? &matrix.bytes[(size_t(row) * columns + k) * bytes] : zeros.data();
      const size_t line =
          pairs ? size_t(k / 2 * 2) * 32 + row % 32 / 16 * 32 + row % 16 * 2 + k % 2 : size_t(k) * 32 + row % 32;
      const size_t at = size_t(row / 32) * padded * 32 + line;
      CHECK_FORMAT(std::memcmp(data + at * bytes, expected, bytes) == 0, "pack %s row %d of %d, column %d of %d",
                   kernels.name, row, rows, k, columns);
    }
  }
}

void check_convert(const KernelSet& kernels, Dtype dtype, int64_t count, Random& random) {
  const Matrix matrix(dtype, 1, int(count), random);
  std::vector<uint8_t> source(1 + matrix.bytes.size());
  std::copy(matrix.bytes.begin(), matrix.bytes.end(), source.begin() + 1);
  std::vector<float> converted(static_cast<size_t>(count));
  run_kernel<upbeat::ConvertArguments>(kernels.convert, {source.data() + 1, dtype, count, converted.data()},
                                       pool_of(3));
  for (int i = 0; i < count; i++) {
    CHECK_FORMAT(converted[size_t(i)] == matrix.at(0, i), "convert %s element %d", kernels.name, i);
  }
}

void check_embedding(const KernelSet& kernels, Dtype dtype, int rows, int columns, Random& random) {
  const Matrix matrix(dtype, rows, columns, random);
  Packed packed(kernels, dtype, rows, columns);
  packed.fill(kernels, pool_of(3), matrix, 0, rows);
  std::vector<int32_t> tokens = {rows - 1, -1, 0};
  for (int i = 0; i < 20; i++) tokens.push_back(random.below(rows));
  std::vector<float> output(tokens.size() * columns, 7.0f);
  const upbeat::EmbeddingArguments arguments = {packed.weight, tokens.data(), int(tokens.size()), output.data()};
  run_kernel(kernels.embedding, arguments, pool_of(3));
  for (int row = 0; row < int(tokens.size()); row++) {
    for (int k = 0; k < columns; k++) {
      const float expected = tokens[size_t(row)] < 0 ? 0.0f : matrix.at(tokens[size_t(row)], k);
      CHECK_FORMAT(output[size_t(row) * columns + k] == expected, "embedding %s row %d column %d", kernels.name, row,
                   k);
    }
  }
  tokens[5] = rows;
  check_fault(kernels.embedding, arguments, "row 5");
}

}  // namespace

TEST("pack() puts every weight in its place when rows arrive in pieces") {
  Random random(1);
  for (const KernelSet* kernels : weight_kernel_sets()) {
    for (const Dtype dtype : weight_dtypes(*kernels)) {
      for (const int rows : {1, 31, 32, 33, 64, 200}) {
        check_pack(*kernels, dtype, rows, 1 + random.below(300), random);
      }
    }
  }
}

TEST("convert() gives the value of each element, for any count") {
  Random random(2);
  for (const KernelSet* kernels : kernel_sets()) {
    for (const Dtype dtype : weight_dtypes(*kernels)) {
      for (const int64_t count : {0, 1, 15, 16, 17, 300, 200001}) check_convert(*kernels, dtype, count, random);
    }
  }
}

TEST("convert() is right for all 65536 values of a 16-bit dtype") {
  std::vector<uint16_t> source(65536);
  for (int i = 0; i < 65536; i++) source[size_t(i)] = uint16_t(i);
  std::vector<float> converted(source.size());
  for (const KernelSet* kernels : kernel_sets()) {
    for (const Dtype dtype : {Dtype::f16, Dtype::bf16}) {
      run_kernel<upbeat::ConvertArguments>(kernels->convert, {source.data(), dtype, 65536, converted.data()},
                                           pool_of(3));
      for (size_t i = 0; i < source.size(); i++) {
        const float expected = element_value(dtype, reinterpret_cast<const uint8_t*>(&source[i]));
        CHECK_FORMAT(same_value(expected, converted[i]), "convert %s value %04x", kernels->name, unsigned(i));
      }
    }
  }
}

TEST("embedding() copies rows, zeroes padding and faults on a token outside the matrix") {
  Random random(3);
  for (const KernelSet* kernels : weight_kernel_sets()) {
    for (const Dtype dtype : weight_dtypes(*kernels)) {
      for (const int columns : {1, 17, 64, 300}) {
        check_embedding(*kernels, dtype, 1 + random.below(150), columns, random);
      }
    }
  }
}

int main() { return check::run_all(); }
