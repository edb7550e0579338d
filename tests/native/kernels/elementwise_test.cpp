// The small ops against double-precision references, and their rows bit for bit in any batch and with any threads.
#include <algorithm>
#include <cfloat>

#include "abi/backend.h"
#include "cpu/kernels/attention/kv_layout.h"
#include "tests/native/support/kernels.h"

using upbeat::Dtype;
using upbeat::KernelSet;

namespace {

constexpr int kColumns[] = {1, 2, 15, 16, 17, 63, 64, 65, 80, 100, 896, 1537};

double rms_reference(const float* input, int columns, double epsilon) {
  double squares = 0;
  for (int i = 0; i < columns; i++) squares += double(input[i]) * input[i];
  return 1 / std::sqrt(squares / columns + epsilon);
}

float silu_multiply_one(const KernelSet& kernels, float gate, float up) {
  const float gate_up[2] = {gate, up};
  float output = 0;
  run_kernel<upbeat::SiluMultiplyArguments>(kernels.silu_multiply, {gate_up, 1, 1, &output}, pool_of(1));
  return output;
}

}  // namespace

TEST("rms_norm agrees with a double-precision reference and gives a row the same bits in any batch") {
  Random random(1);
  for (const KernelSet* kernels : kernel_sets()) {
    for (const int columns : kColumns) {
      const int rows = 37;
      const auto input = random.normals(size_t(rows * columns), 3), weight = random.normals(size_t(columns));
      std::vector<float> whole(input.size());
      run_kernel<upbeat::RmsNormArguments>(
          kernels->rms_norm, {input.data(), weight.data(), 1e-6f, rows, columns, whole.data()}, pool_of(3));
      for (int row = 0; row < rows; row++) {
        const float* x = input.data() + row * columns;
        const double inverse = rms_reference(x, columns, double(1e-6f));
        for (int i = 0; i < columns; i++) {
          const double expected = x[i] * inverse * double(weight[size_t(i)]);
          CHECK(std::abs(whole[size_t(row * columns + i)] - expected) <= 6e-7 * std::abs(expected));
        }
        std::vector<float> alone(x, x + columns);  // in place
        run_kernel<upbeat::RmsNormArguments>(
            kernels->rms_norm, {alone.data(), weight.data(), 1e-6f, 1, columns, alone.data()}, pool_of(1));
        CHECK(std::memcmp(alone.data(), whole.data() + row * columns, size_t(columns) * sizeof(float)) == 0);
      }
    }
  }
}

TEST("silu_multiply agrees with a double-precision reference for any length and extreme gates") {
  Random random(2);
  for (const KernelSet* kernels : kernel_sets()) {
    for (const int columns : {1, 15, 16, 33, 1000, 4864, 20000}) {
      const int rows = 5;
      auto input = random.normals(size_t(2 * rows * columns), 6);
      std::vector<float> output(size_t(rows * columns));
      run_kernel<upbeat::SiluMultiplyArguments>(kernels->silu_multiply, {input.data(), rows, columns, output.data()},
                                                pool_of(2));
      for (int row = 0; row < rows; row++) {
        for (int i = 0; i < columns; i++) {
          const double gate = input[size_t(2 * row * columns + i)], up = input[size_t((2 * row + 1) * columns + i)];
          const double expected = gate / (1 + std::exp(-gate)) * up;
          CHECK(std::abs(output[size_t(row * columns + i)] - expected) <= 4e-7 * std::abs(expected));
        }
      }
    }
    CHECK(silu_multiply_one(*kernels, 200, 1) == 200);
    CHECK(silu_multiply_one(*kernels, FLT_MAX, 1) == FLT_MAX);
    CHECK(std::abs(silu_multiply_one(*kernels, -200, 1)) < 1e-35f);
    CHECK(std::abs(silu_multiply_one(*kernels, -1e30f, 1)) < 1e-7f);
    CHECK(silu_multiply_one(*kernels, 0, 1) == 0);
    CHECK(std::isnan(silu_multiply_one(*kernels, NAN, 1)));
  }
}

TEST("rotary_table holds the cosine and sine of position times frequency, scaled") {
  for (const KernelSet* kernels : kernel_sets()) {
    for (const int head_dim : {2, 10, 64, 128}) {
      std::vector<double> frequencies;
      for (int i = 0; i < head_dim / 2; i++) frequencies.push_back(std::pow(10000.0, -2.0 * i / head_dim));
      const int positions = 3000;
      std::vector<float> table(size_t(positions * head_dim));
      run_kernel<upbeat::RotaryTableArguments>(
          kernels->rotary_table, {frequencies.data(), 1.25f, positions, head_dim, table.data()}, pool_of(3));
      for (const int p : {0, 1, 17, 1024, 2999}) {
        for (int i = 0; i < head_dim / 2; i++) {
          const double angle = p * frequencies[size_t(i)];
          CHECK_EQUAL(table[size_t(p * head_dim + i)], float(std::cos(angle) * 1.25));
          CHECK_EQUAL(table[size_t(p * head_dim + head_dim / 2 + i)], float(std::sin(angle) * 1.25));
        }
      }
    }
  }
}

TEST("rotary_cache normalises, rotates and stores, leaves padding alone, and does not depend on the batch") {
  Random random(3);
  for (const KernelSet* kernels : kernel_sets()) {
    for (const int head_dim : {2, 10, 16, 64, 96, 128}) {
      for (const bool norm : {false, true}) {
        for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
          const int heads = 6, kv_heads = 2, rows = 40, block_size = head_dim == 64 ? 5 : 16, blocks = 20;
          const int width = (heads + 2 * kv_heads) * head_dim;
          const auto input = random.normals(size_t(rows * width));
          const auto table = random.normals(size_t(50 * head_dim));
          const auto query_norm = random.normals(size_t(head_dim)), key_norm = random.normals(size_t(head_dim));
          std::vector<int> positions, slots;
          for (int row = 0; row < rows; row++) {
            positions.push_back(random.below(50));
            slots.push_back(row % 7 == 3 ? -1 : (row * 37 + 11) % (blocks * block_size));
          }
          const size_t bytes = size_t(upbeat::kv_cache_bytes(dtype, blocks, block_size, kv_heads, head_dim));
          std::vector<uint8_t> keys(bytes, 0x77), values(bytes, 0x77);
          auto qkv = input;
          upbeat::RotaryCacheArguments arguments = {qkv.data(),
                                                    positions.data(),
                                                    slots.data(),
                                                    table.data(),
                                                    norm ? query_norm.data() : nullptr,
                                                    norm ? key_norm.data() : nullptr,
                                                    1e-5f,
                                                    rows,
                                                    heads,
                                                    kv_heads,
                                                    head_dim,
                                                    keys.data(),
                                                    values.data(),
                                                    dtype,
                                                    block_size,
                                                    50,
                                                    blocks};
          run_kernel(kernels->rotary_cache, arguments, pool_of(3));

          const auto rotated = [&](const float* x, const std::vector<float>& weight, int position) {
            const double inverse = norm ? rms_reference(x, head_dim, double(1e-5f)) : 1;
            std::vector<double> y(static_cast<size_t>(head_dim));
            for (int i = 0; i < head_dim; i++) y[size_t(i)] = x[i] * inverse * (norm ? weight[size_t(i)] : 1.0f);
            const float* cosine = table.data() + position * head_dim;
            const float* sine = cosine + head_dim / 2;
            for (int i = 0; i < head_dim / 2; i++) {
              const double a = y[size_t(i)], b = y[size_t(i + head_dim / 2)];
              y[size_t(i)] = a * cosine[i] - b * sine[i];
              y[size_t(i + head_dim / 2)] = b * cosine[i] + a * sine[i];
            }
            return y;
          };
          const auto stored = [&](const std::vector<uint8_t>& cache, int64_t element) {
            if (dtype == Dtype::f32) return reinterpret_cast<const float*>(cache.data())[element];
            const uint32_t bits = uint32_t(reinterpret_cast<const uint16_t*>(cache.data())[element]) << 16;
            float value;
            std::memcpy(&value, &bits, 4);
            return value;
          };
          const double tolerance = dtype == Dtype::f32 ? 3e-6 : 0.02;
          std::vector<bool> written(bytes / upbeat::dtype_bytes(dtype));
          for (int row = 0; row < rows; row++) {
            const float* x = input.data() + row * width;
            const float* y = qkv.data() + row * width;
            if (slots[size_t(row)] < 0) {
              CHECK(std::memcmp(x, y, size_t(width) * sizeof(float)) == 0);
              continue;
            }
            for (int head = 0; head < heads; head++) {
              const auto expected = rotated(x + head * head_dim, query_norm, positions[size_t(row)]);
              for (int i = 0; i < head_dim; i++) CHECK(std::abs(y[head * head_dim + i] - expected[size_t(i)]) < 3e-5);
            }
            const int block = slots[size_t(row)] / block_size, token = slots[size_t(row)] % block_size;
            for (int head = 0; head < kv_heads; head++) {
              const float* key = x + (heads + head) * head_dim;
              const float* value = x + (heads + kv_heads + head) * head_dim;
              const auto expected = rotated(key, key_norm, positions[size_t(row)]);
              const int64_t tile = upbeat::kv_tile_offset(block, head, kv_heads, block_size, head_dim);
              for (int i = 0; i < head_dim; i++) {
                const int64_t at = tile + upbeat::key_offset(token, head_dim) + int64_t(i) * upbeat::kGranule;
                CHECK(std::abs(stored(keys, at) - expected[size_t(i)]) <
                      tolerance * std::max(1.0, std::abs(expected[size_t(i)])));
                CHECK(!written[size_t(at)]);  // no two elements share a place
                written[size_t(at)] = true;
                CHECK_EQUAL(stored(values, tile + upbeat::value_offset(token, head_dim) + i),
                            dtype == Dtype::f32 ? value[i] : through_bf16(value[i]));
              }
            }
          }
          for (size_t at = 0; at < written.size(); at++) {  // and no other place is touched
            if (!written[at]) CHECK(keys[at * upbeat::dtype_bytes(dtype)] == 0x77);
          }

          auto again = input;
          std::vector<uint8_t> keys_again(bytes, 0x77), values_again(bytes, 0x77);
          for (int row = 0; row < rows; row++) {
            upbeat::RotaryCacheArguments one = arguments;
            one.qkv = again.data() + row * width;
            one.positions += row;
            one.slot_mapping += row;
            one.rows = 1;
            one.key_cache = keys_again.data();
            one.value_cache = values_again.data();
            run_kernel(kernels->rotary_cache, one, pool_of(1));
          }
          CHECK(same_bits(again, qkv));
          CHECK(keys == keys_again && values == values_again);

          positions[5] = -2;
          check_fault(kernels->rotary_cache, arguments, "position -2 of row 5 is outside a rotary table of 50");
        }
      }
    }
  }
}

TEST("gather_rows copies rows, gives zeros for negative indices and faults outside the input") {
  Random random(4);
  for (const KernelSet* kernels : kernel_sets()) {
    const int columns = 700, input_rows = 9;
    const auto input = random.normals(size_t(input_rows * columns));
    std::vector<int> indices = {8, -1, 0, 3, 3, -5};
    std::vector<float> output(indices.size() * columns, 9.0f);
    upbeat::GatherRowsArguments arguments = {input.data(),        indices.data(), input_rows,
                                             int(indices.size()), columns,        output.data()};
    run_kernel(kernels->gather_rows, arguments, pool_of(2));
    for (size_t row = 0; row < indices.size(); row++) {
      for (int i = 0; i < columns; i++) {
        CHECK_EQUAL(output[row * columns + size_t(i)],
                    indices[row] < 0 ? 0 : input[size_t(indices[row] * columns + i)]);
      }
    }
    indices[4] = 9;
    check_fault(kernels->gather_rows, arguments, "index 9 of row 4");
  }
}

TEST("gather_tokens and scatter_tokens move tokens, skip padding, store negative tokens as 0 and fault outside the table") {
  for (const KernelSet* kernels : kernel_sets()) {
    std::vector<int> table = {10, 11, 12, 13}, sources = {3, -1, 0}, output(3);
    upbeat::GatherTokensArguments gather = {table.data(), sources.data(), 3, 4, output.data()};
    run_kernel(kernels->gather_tokens, gather, pool_of(1));
    CHECK((output == std::vector<int>{13, -1, 10}));
    sources[2] = 4;
    check_fault(kernels->gather_tokens, gather, "source 4 of row 2");

    std::vector<int> tokens = {7, 8, 9}, destinations = {2, -1, 0};
    upbeat::ScatterTokensArguments scatter = {tokens.data(), destinations.data(), 3, 4, table.data()};
    run_kernel(kernels->scatter_tokens, scatter, pool_of(1));
    CHECK((table == std::vector<int>{9, 11, 7, 13}));
    tokens = {UPBEAT_TOKEN_NOT_FINITE, UPBEAT_TOKEN_NOT_FINITE, UPBEAT_TOKEN_PADDING};
    run_kernel(kernels->scatter_tokens, scatter, pool_of(1));
    CHECK((table == std::vector<int>{0, 11, 0, 13}));
    destinations[1] = 4;
    check_fault(kernels->scatter_tokens, scatter, "destination 4 of row 1");
  }
}

TEST("AVX2 and AVX-512 give the same bits") {
  const KernelSet* narrow = upbeat::kernel_set(UPBEAT_SIMD_AVX2);
  const KernelSet* wide = upbeat::kernel_set(UPBEAT_SIMD_AVX512);
  if (!narrow || !wide) return;
  Random random(5);
  for (const int columns : kColumns) {
    const auto input = random.normals(size_t(6 * columns), 10), weight = random.normals(size_t(columns));
    std::vector<float> a(size_t(3 * columns)), b(a);
    run_kernel<upbeat::SiluMultiplyArguments>(narrow->silu_multiply, {input.data(), 3, columns, a.data()}, pool_of(1));
    run_kernel<upbeat::SiluMultiplyArguments>(wide->silu_multiply, {input.data(), 3, columns, b.data()}, pool_of(2));
    CHECK(same_bits(a, b));
    run_kernel<upbeat::RmsNormArguments>(narrow->rms_norm, {input.data(), weight.data(), 1e-6f, 3, columns, a.data()},
                                         pool_of(1));
    run_kernel<upbeat::RmsNormArguments>(wide->rms_norm, {input.data(), weight.data(), 1e-6f, 3, columns, b.data()},
                                         pool_of(2));
    CHECK(same_bits(a, b));
  }
}

int main() { return check::run_all(); }
