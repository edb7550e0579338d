// pack, convert, embedding and linear of every kernel set this machine has.
//
// linear is held against two references: a float64 product with the error bound of a recursive sum (Higham 2002,
// section 3.1), and, bit for bit, a plain loop of fmaf over ascending inputs, which is what upbeat.h promises for every
// number of rows and threads. (The portable set multiplies and adds in two roundings, AMX adds the products of BF16
// terms tile by tile; their references do, too.)
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "cpu/kernels/kernels.h"
#include "ffi/upbeat.h"
#include "tests/native/support/sanitized.h"

namespace upbeat::amx_emulated {
extern const KernelSet kernels;
}

namespace {

using upbeat::Dtype;
using upbeat::KernelSet;

int failures = 0;

#define CHECK(condition, ...)                                              \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
      std::fprintf(stderr, __VA_ARGS__);                                   \
      std::fprintf(stderr, "\n");                                          \
      if (++failures > 20) std::exit(1);                                   \
    }                                                                      \
  } while (false)

// xorshift64*; the seed is fixed, a failure repeats.
struct Random {
  uint64_t state = 88172645463325252u;
  uint64_t next() {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 2685821657736338717u;
  }
  int below(int bound) { return int(next() >> 33) % bound; }
  float uniform() { return float(int64_t(next() >> 40) - (1 << 23)) * 0x1p-23f; }  // [-1, 1)
};

Random generator;

float bits_to_float(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

uint32_t float_to_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

// Written from the format's definition, without the bit tricks of the kernels.
float f16_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const float sign = bits & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return mantissa != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(float(mantissa), -24);
  return sign * std::ldexp(float(1024 + mantissa), exponent - 25);
}

float element_value(Dtype dtype, const uint8_t* element) {
  if (dtype == Dtype::f32) {
    float value;
    std::memcpy(&value, element, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, element, 2);
  return dtype == Dtype::bf16 ? bits_to_float(uint32_t(bits) << 16) : f16_value(bits);
}

// A row-major matrix of a dtype. Every allocation of the test is exact, so that a sanitizer sees a read past its end.
struct Matrix {
  Dtype dtype;
  int rows;
  int columns;
  std::vector<uint8_t> bytes;

  Matrix(Dtype d, int r, int c) : dtype(d), rows(r), columns(c), bytes(size_t(r) * c * upbeat::dtype_bytes(d)) {
    for (size_t i = 0; i < size_t(rows) * columns; i++) set(i, generator.uniform());
  }
  void set(size_t index, float value) {
    if (dtype == Dtype::f32) {
      std::memcpy(&bytes[index * 4], &value, 4);
      return;
    }
    uint16_t bits = uint16_t(float_to_bits(value) >> 16);
    if (dtype == Dtype::f16) {  // of F32 values that need no rounding worth mentioning: truncated
      int exponent = 0;
      const float fraction = std::frexp(std::fabs(value), &exponent);
      bits = 0;
      if (value != value)
        bits = 0x7e00;
      else if (std::isinf(value))
        bits = 0x7c00;
      else if (exponent > -14)
        bits = uint16_t(((exponent + 14) << 10) | (int(fraction * 2048) & 1023));
      if (std::signbit(value)) bits |= 0x8000;
    }
    std::memcpy(&bytes[index * 2], &bits, 2);
  }
  float at(int row, int column) const {
    return element_value(dtype, &bytes[(size_t(row) * columns + column) * upbeat::dtype_bytes(dtype)]);
  }
};

struct FreeDeleter {
  void operator()(void* p) const { std::free(p); }
};

struct Packed {
  std::unique_ptr<void, FreeDeleter> memory;
  upbeat::PackedWeight weight;

  Packed(const KernelSet& kernels, Dtype dtype, int rows, int columns)
      : weight(kernels.packed_weight(dtype, rows, columns)) {
    memory.reset(std::aligned_alloc(64, weight.bytes()));  // a panel line is a multiple of 64 bytes
    std::memset(memory.get(), 0, weight.bytes());
    weight.data = memory.get();
  }
};

void pack_rows(const KernelSet& kernels, upbeat::ThreadPool& pool, Packed& packed, const Matrix& matrix, int first,
               int count) {
  // From an odd address: files align nothing.
  const size_t row_bytes = size_t(matrix.columns) * upbeat::dtype_bytes(matrix.dtype);
  std::vector<uint8_t> source(1 + row_bytes * count);
  std::memcpy(source.data() + 1, &matrix.bytes[row_bytes * first], row_bytes * count);
  upbeat::Fault fault;
  CHECK(kernels.pack({packed.weight, source.data() + 1, first, count}, pool, fault), "%s", fault.message);
}

void check_pack(const KernelSet& kernels, upbeat::ThreadPool& pool, Dtype dtype, int rows, int columns) {
  const Matrix matrix(dtype, rows, columns);
  Packed packed(kernels, dtype, rows, columns);
  for (int first = 0; first < rows;) {
    const int count = 1 + generator.below(rows - first < 70 ? rows - first : 70);
    pack_rows(kernels, pool, packed, matrix, first, count);
    first += count;
  }
  const size_t bytes = upbeat::dtype_bytes(dtype);
  const uint8_t* data = static_cast<const uint8_t*>(packed.weight.data);
  const std::vector<uint8_t> zeros(bytes);
  const int padded = int(packed.weight.padded_columns);
  const bool pairs = std::strncmp(kernels.name, "AMX", 3) == 0 && dtype == Dtype::bf16;
  CHECK(padded == (pairs ? (columns + 31) / 32 * 32 : columns), "pack %s: room for %d columns of %d", kernels.name,
        padded, columns);
  for (int row = 0; row < packed.weight.panels() * 32; row++) {
    for (int k = 0; k < padded; k++) {
      const bool present = row < rows && k < columns;
      const uint8_t* expected = present ? &matrix.bytes[(size_t(row) * columns + k) * bytes] : zeros.data();
      const size_t line =
          pairs ? size_t(k / 2 * 2) * 32 + row % 32 / 16 * 32 + row % 16 * 2 + k % 2 : size_t(k) * 32 + row % 32;
      const size_t at = size_t(row / 32) * padded * 32 + line;
      CHECK(std::memcmp(data + at * bytes, expected, bytes) == 0, "pack %s row %d of %d, column %d of %d", kernels.name,
            row, rows, k, columns);
    }
  }
}

void check_convert(const KernelSet& kernels, upbeat::ThreadPool& pool, Dtype dtype, int64_t count) {
  const Matrix matrix(dtype, 1, int(count));
  std::vector<uint8_t> source(1 + matrix.bytes.size());
  std::copy(matrix.bytes.begin(), matrix.bytes.end(), source.begin() + 1);
  std::vector<float> converted(count);
  upbeat::Fault fault;
  CHECK(kernels.convert({source.data() + 1, dtype, count, converted.data()}, pool, fault), "%s", fault.message);
  for (int64_t i = 0; i < count; i++) {
    CHECK(converted[i] == matrix.at(0, int(i)), "convert %s element %d", kernels.name, int(i));
  }
}

// All 65536 values of a 16-bit type.
void check_convert_every_value(const KernelSet& kernels, upbeat::ThreadPool& pool, Dtype dtype) {
  std::vector<uint16_t> source(65536);
  for (int i = 0; i < 65536; i++) source[i] = uint16_t(i);
  std::vector<float> converted(source.size());
  upbeat::Fault fault;
  CHECK(kernels.convert({source.data(), dtype, 65536, converted.data()}, pool, fault), "%s", fault.message);
  for (int i = 0; i < 65536; i++) {
    const float expected = element_value(dtype, reinterpret_cast<const uint8_t*>(&source[i]));
    CHECK(expected != expected ? converted[i] != converted[i] : float_to_bits(expected) == float_to_bits(converted[i]),
          "convert %s value %04x", kernels.name, i);
  }
}

void check_embedding(const KernelSet& kernels, upbeat::ThreadPool& pool, Dtype dtype, int rows, int columns) {
  const Matrix matrix(dtype, rows, columns);
  Packed packed(kernels, dtype, rows, columns);
  pack_rows(kernels, pool, packed, matrix, 0, rows);
  std::vector<int32_t> tokens = {rows - 1, -1, 0};
  for (int i = 0; i < 20; i++) tokens.push_back(generator.below(rows));
  std::vector<float> output(tokens.size() * columns, 7.0f);
  upbeat::Fault fault;
  const int count = int(tokens.size());
  CHECK(kernels.embedding({packed.weight, tokens.data(), count, output.data()}, pool, fault), "%s", fault.message);
  for (int row = 0; row < count; row++) {
    for (int k = 0; k < columns; k++) {
      const float expected = tokens[row] < 0 ? 0.0f : matrix.at(tokens[row], k);
      CHECK(output[size_t(row) * columns + k] == expected, "embedding %s row %d column %d", kernels.name, row, k);
    }
  }
  tokens[5] = rows;
  CHECK(!kernels.embedding({packed.weight, tokens.data(), count, output.data()}, pool, fault),
        "embedding of token %d of %d must fault", rows, rows);
  CHECK(std::strstr(fault.message, "row 5") != nullptr, "%s", fault.message);
}

// The BF16 number next to a float, ties to even.
float nearest_bf16(float value) {
  const uint32_t bits = float_to_bits(value);
  return value != value ? value : bits_to_float((bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u);
}

// As TDPBF16PS adds (Intel SDM): for 32 inputs and each of an input's three BF16 terms, a chain of even and one of odd
// products, their sum, and that onto the sum so far. A rounded input is one term.
float tile_sum(const float* input, const float* weights, int columns, int terms) {
  float sum = 0.0f;
  for (int start = 0; start < columns; start += 32) {
    float chains[3][2] = {};
    for (int k = start; k < start + 32 && k < columns; k++) {
      float rest = input[k];
      for (int i = 0; i < terms; i++) {
        float(&chain)[2] = chains[i];
        const float term = bits_to_float(float_to_bits(rest) & 0xffff0000u);
        chain[k % 2] = std::fmaf(term, weights[k], chain[k % 2]);
        rest = std::isfinite(rest) ? rest - term : 0.0f;
      }
    }
    for (int i = 0; i < terms; i++) sum = sum + (chains[i][0] + chains[i][1]);
  }
  return sum;
}

// The exact result: products in ascending k, by fma from zero, then the bias, then the residual.
float reference(const KernelSet& kernels, Dtype dtype, const float* input, const float* weights, int columns,
                const float* bias, const float* residual, bool rounded) {
  const bool fused = std::strcmp(kernels.name, "portable") != 0;
  const bool tiles = std::strncmp(kernels.name, "AMX", 3) == 0 && dtype == Dtype::bf16;
  float sum = tiles ? tile_sum(input, weights, columns, rounded ? 1 : 3) : 0.0f;
  for (int k = 0; k < columns && !tiles; k++) {
    if (fused) {
      sum = std::fmaf(input[k], weights[k], sum);
    } else {
      volatile float product = input[k] * weights[k];
      sum = sum + product;
    }
  }
  if (bias != nullptr) sum = sum + *bias;
  if (residual != nullptr) sum = sum + *residual;
  return sum;
}

enum class Extras { none, bias, residual, both_in_place };

// Results of more work than this are compared in a sample of about so many rows and columns, edges included. With
// sanitizers that is nearly all of them: those look at what the kernels touch, and every number is compared where the
// same test runs without them.
constexpr double kWorkComparedWhole = kSanitized ? 1e4 : 4e6;
constexpr int kSampledRows = kSanitized ? 4 : 11, kSampledColumns = kSanitized ? 8 : 61;

void check_linear(const KernelSet& kernels, upbeat::ThreadPool& pool, Dtype dtype, int rows, int inputs, int outputs,
                  Extras extras, float special = 0.0f, bool rounded = false) {
  Matrix matrix(dtype, outputs, inputs);
  if (special != 0.0f) matrix.set(size_t(generator.below(outputs)) * inputs + generator.below(inputs), special);
  Packed packed(kernels, dtype, outputs, inputs);
  packed.weight.input = rounded ? Dtype::bf16 : Dtype::f32;
  pack_rows(kernels, pool, packed, matrix, 0, outputs);

  Matrix input(Dtype::f32, rows, inputs);
  const Matrix bias(Dtype::f32, 1, outputs), residual(Dtype::f32, rows, outputs);
  if (special != 0.0f) input.set(generator.below(rows * inputs), special);
  const auto floats = [](const Matrix& m) { return reinterpret_cast<const float*>(m.bytes.data()); };
  std::vector<float> output(size_t(rows) * outputs, 7.0f);
  const bool has_bias = extras == Extras::bias || extras == Extras::both_in_place;
  const bool has_residual = extras == Extras::residual || extras == Extras::both_in_place;
  if (extras == Extras::both_in_place) std::copy_n(floats(residual), output.size(), output.data());
  upbeat::Fault fault;
  CHECK(kernels.linear({packed.weight, floats(input), has_bias ? floats(bias) : nullptr,
                        extras == Extras::both_in_place ? output.data()
                        : has_residual                  ? floats(residual)
                                                        : nullptr,
                        rows, output.data()},
                       pool, fault),
        "%s", fault.message);

  const bool sampled = double(rows) * inputs * outputs > kWorkComparedWhole;
  const int row_step = sampled ? 1 + rows / kSampledRows : 1;
  const int column_step = sampled ? 1 + outputs / kSampledColumns : 1;
  std::vector<float> weights(inputs);
  for (int column = 0; column < outputs;
       column += column == outputs - 1 ? 1 : std::min(column_step, outputs - 1 - column)) {
    for (int k = 0; k < inputs; k++) weights[k] = matrix.at(column, k);
    for (int row = 0; row < rows; row += row == rows - 1 ? 1 : std::min(row_step, rows - 1 - row)) {
      std::vector<float> seen(floats(input) + size_t(row) * inputs, floats(input) + size_t(row + 1) * inputs);
      if (rounded) std::transform(seen.begin(), seen.end(), seen.begin(), nearest_bf16);
      const float* in = seen.data();
      const size_t at = size_t(row) * outputs + column;
      const float* b = has_bias ? floats(bias) + column : nullptr;
      const float* r = has_residual ? floats(residual) + at : nullptr;
      const float expected = reference(kernels, dtype, in, weights.data(), inputs, b, r, rounded);
      const bool same =
          expected != expected ? output[at] != output[at] : float_to_bits(expected) == float_to_bits(output[at]);
      CHECK(same, "linear %s, %d threads, dtype %d, %d x %d -> %d, row %d column %d: %.9g, not %.9g", kernels.name,
            pool.size(), int(dtype), rows, inputs, outputs, row, column, double(output[at]), double(expected));
      if (special != 0.0f) continue;
      double exact = 0, magnitude = 0;
      for (int k = 0; k < inputs; k++) {
        exact += double(in[k]) * weights[k];
        magnitude += std::fabs(double(in[k]) * weights[k]);
      }
      if (b != nullptr) exact += *b, magnitude += std::fabs(*b);
      if (r != nullptr) exact += *r, magnitude += std::fabs(*r);
      const double bound = (inputs + 4) * 0x1p-23 * magnitude;
      CHECK(std::fabs(output[at] - exact) <= bound,
            "linear %s, %d x %d -> %d, row %d column %d: %.9g, not %.9g +- %.2g", kernels.name, rows, inputs, outputs,
            row, column, double(output[at]), exact, bound);
    }
  }
}

void check_kernel_set(const KernelSet& kernels) {
  upbeat::ThreadPool one(1), three(3);
  // The emulated tile registers are for BF16 alone.
  const bool all = kernels.convert != nullptr;
  const std::vector<Dtype> dtypes = all ? std::vector{Dtype::f32, Dtype::f16, Dtype::bf16} : std::vector{Dtype::bf16};
  for (const Dtype dtype : dtypes) {
    for (const int rows : {1, 31, 32, 33, 64, 200}) check_pack(kernels, three, dtype, rows, 1 + generator.below(300));
    for (const int64_t count : {0, 1, 15, 16, 17, 300, 200001}) {
      if (all) check_convert(kernels, three, dtype, count);
    }
    for (const int columns : {1, 17, 64, 300})
      check_embedding(kernels, three, dtype, 1 + generator.below(150), columns);

    // Every height of a tile and every way to cut rows; ragged and whole panels.
    for (int rows = 0; rows <= 44; rows++) {
      for (const int outputs : {1 + generator.below(200), 32 * (1 + generator.below(4))}) {
        check_linear(kernels, rows % 2 == 0 ? one : three, dtype, rows, 1 + generator.below(300), outputs,
                     Extras(generator.below(4)));
      }
    }
    // Several blocks of inputs, of rows, and both.
    check_linear(kernels, three, dtype, 1, 4864, 100, Extras::bias);
    check_linear(kernels, three, dtype, 3, 2048, 193, Extras::both_in_place);
    check_linear(kernels, three, dtype, 40, 1025, 190, Extras::both_in_place);
    check_linear(kernels, three, dtype, 197, 64, 320, Extras::residual);
    check_linear(kernels, three, dtype, 400, 2100, 75, Extras::both_in_place);
    check_linear(kernels, one, dtype, 193, 3000, 33, Extras::none);
    if (kernels.rounds_inputs && dtype == Dtype::bf16) {
      for (const int rows : {1, 3, 16, 17, 33, 70, 200}) {
        check_linear(kernels, rows % 2 == 0 ? one : three, dtype, rows, 1 + generator.below(3000),
                     1 + generator.below(200), Extras(generator.below(4)), 0.0f, true);
      }
      check_linear(kernels, three, dtype, 5, 70, 50, Extras::none, NAN, true);
      check_linear(kernels, three, dtype, 5, 70, 50, Extras::none, INFINITY, true);
    }
    for (const float special : {INFINITY, -INFINITY, NAN}) {
      check_linear(kernels, three, dtype, 2, 70, 50, Extras::bias, special);
      check_linear(kernels, three, dtype, 20, 70, 50, Extras::residual, special);
    }
  }
  if (!all) return;
  check_convert_every_value(kernels, three, Dtype::f16);
  check_convert_every_value(kernels, three, Dtype::bf16);
}

}  // namespace

int main() {
  int sets = 0;
  std::vector<const KernelSet*> all;
  for (const int simd :
       {UPBEAT_SIMD_PORTABLE, UPBEAT_SIMD_AVX2, UPBEAT_SIMD_AVX512, UPBEAT_SIMD_AMX, UPBEAT_SIMD_NEON}) {
    if (const KernelSet* kernels = upbeat::kernel_set(simd)) all.push_back(kernels);
  }
#if defined(__x86_64__)
  if (upbeat::kernel_set(UPBEAT_SIMD_AVX512) != nullptr) all.push_back(&upbeat::amx_emulated::kernels);
#endif
  for (const KernelSet* kernels : all) {
    sets++;
    const int before = failures;
    check_kernel_set(*kernels);
    std::printf("%s: %s\n", kernels->name, failures == before ? "ok" : "FAILED");
  }
  CHECK(upbeat::kernel_set(UPBEAT_SIMD_AUTO) != nullptr && sets >= 1, "no kernel set");
  CHECK(upbeat::kernel_set(99) == nullptr, "an unknown kernel set must be null");
  return failures == 0 ? 0 : 1;
}
