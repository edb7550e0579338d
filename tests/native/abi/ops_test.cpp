// From the ABI to the kernels: operands arrive in the right places, wrong ones are refused, bits do not depend on
// threads. The results of each op are tested in depth from TypeScript, against float64 references.
#include <cmath>

#include "tests/native/support/device.h"

namespace {

constexpr int32_t kRows = 5;
constexpr int32_t kInputs = 24;
constexpr int32_t kOutputs = 70;

std::vector<float> wave(size_t count, float step) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = std::sin(step * float(i + 1));
  return values;
}

// embedding, norm, linear with bias and residual, gated activation, row gather: captured once, launched once.
std::vector<float> run_chain(int32_t threads, int32_t simd) {
  TestDevice test(threads, simd);
  const int32_t embeddings = upbeat_weight_create(test.device, UPBEAT_DTYPE_F32, 9, kInputs, UPBEAT_DTYPE_F32);
  const int32_t matrix = upbeat_weight_create(test.device, UPBEAT_DTYPE_F32, kOutputs, kInputs, UPBEAT_DTYPE_F32);
  CHECK_OK(upbeat_weight_upload(test.stream, embeddings, 0, 9, test.host_of(wave(9 * kInputs, 0.7f))));
  CHECK_OK(upbeat_weight_upload(test.stream, matrix, 0, kOutputs, test.host_of(wave(kOutputs * kInputs, 0.3f))));
  auto* tokens = test.host_of<int32_t>({3, 0, -1, 8, 3});
  auto* hidden = test.memory<float>(kRows * kInputs);
  auto* projected = test.memory<float>(kRows * kOutputs);
  auto* activated = test.memory<float>(kRows * kOutputs / 2);
  auto* gathered = test.memory<float>(2 * kOutputs / 2);
  auto* norm = test.host_of(wave(kInputs, 0.5f));
  auto* bias = test.host_of(wave(kOutputs, 0.2f));
  auto* indices = test.host_of<int32_t>({4, 1});
  CHECK_OK(upbeat_graph_begin(test.stream));
  CHECK_OK(upbeat_embedding(test.stream, embeddings, tokens, kRows, hidden));
  CHECK_OK(upbeat_rms_norm(test.stream, hidden, norm, 1e-5f, kRows, kInputs, hidden));
  CHECK_OK(upbeat_memory_fill(test.stream, projected, 0, kRows * kOutputs * 4));
  CHECK_OK(upbeat_linear(test.stream, matrix, hidden, bias, projected, kRows, projected));
  CHECK_OK(upbeat_silu_multiply(test.stream, projected, kRows, kOutputs / 2, activated));
  CHECK_OK(upbeat_gather_rows(test.stream, activated, indices, kRows, 2, kOutputs / 2, gathered));
  const int32_t graph = upbeat_graph_end(test.stream);
  CHECK_OK(upbeat_graph_launch(graph, test.stream));
  test.finish();
  return {gathered, gathered + kOutputs};
}

// The same in double precision.
std::vector<double> expected_chain() {
  const auto embeddings = wave(9 * kInputs, 0.7f);
  const auto matrix = wave(kOutputs * kInputs, 0.3f);
  const auto norm = wave(kInputs, 0.5f);
  const auto bias = wave(kOutputs, 0.2f);
  std::vector<double> result;
  for (const size_t token : {size_t(3), size_t(0)}) {
    double squares = 0;
    for (size_t i = 0; i < kInputs; ++i) squares += std::pow(double(embeddings[token * kInputs + i]), 2);
    double projected[kOutputs];
    for (size_t o = 0; o < kOutputs; ++o) {
      projected[o] = double(bias[o]);
      for (size_t i = 0; i < kInputs; ++i) {
        const double normed =
            double(embeddings[token * kInputs + i]) / std::sqrt(squares / kInputs + 1e-5) * double(norm[i]);
        projected[o] += normed * double(matrix[o * kInputs + i]);
      }
    }
    for (size_t o = 0; o < kOutputs / 2; ++o) {
      result.push_back(projected[o] / (1 + std::exp(-projected[o])) * projected[o + kOutputs / 2]);
    }
  }
  return result;
}

}  // namespace

TEST("a captured chain of ops agrees with float64 to float32 precision") {
  const auto expected = expected_chain();
  for (const int32_t simd : {UPBEAT_SIMD_PORTABLE, UPBEAT_SIMD_AUTO}) {
    const auto actual = run_chain(1, simd);
    CHECK_EQUAL(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      if (!(std::abs(double(actual[i]) - expected[i]) <= 1e-5 * (1 + std::abs(expected[i])))) {
        check::equal(__FILE__, __LINE__, "element", double(actual[i]), expected[i]);
      }
    }
  }
}

TEST("a chain of ops gives the same bits for any number of threads") {
  const auto one = run_chain(1, UPBEAT_SIMD_AUTO);
  CHECK(run_chain(2, UPBEAT_SIMD_AUTO) == one);
  CHECK(run_chain(5, UPBEAT_SIMD_AUTO) == one);
}

TEST("a token outside the embedding faults with its value") {
  TestDevice test;
  const int32_t weight = upbeat_weight_create(test.device, UPBEAT_DTYPE_F32, 2, 4, UPBEAT_DTYPE_F32);
  CHECK_OK(upbeat_weight_upload(test.stream, weight, 0, 2, test.host<float>(8)));
  auto* tokens = test.host_of<int32_t>({777});
  CHECK_OK(upbeat_embedding(test.stream, weight, tokens, 1, test.memory<float>(4)));
  CHECK_ERROR(upbeat_stream_synchronize(test.stream, -1), UPBEAT_ERROR_FAULT, "upbeat_embedding");
  CHECK(last_error_text().find("777") != std::string::npos);
}

TEST("ops refuse operands that are null, short, misaligned or of a wrong shape") {
  TestDevice test;
  const int32_t weight = upbeat_weight_create(test.device, UPBEAT_DTYPE_F32, 8, 8, UPBEAT_DTYPE_F32);
  CHECK_OK(upbeat_weight_upload(test.stream, weight, 0, 8, test.host<float>(64)));
  auto* a = test.memory<float>(64);
  auto* b = test.memory<float>(64);
  constexpr int32_t kInvalid = UPBEAT_ERROR_INVALID_ARGUMENT;
  const int32_t s = test.stream;
  CHECK_ERROR(upbeat_linear(s, weight, nullptr, nullptr, nullptr, 1, b), kInvalid, "input: must not be null");
  CHECK_ERROR(upbeat_linear(s, weight, a, nullptr, nullptr, 9, b), kInvalid, "input: 288 bytes are needed");
  CHECK_ERROR(upbeat_linear(s, weight, a, b + 60, nullptr, 1, b), kInvalid, "bias");
  CHECK_ERROR(upbeat_linear(s, weight, a, nullptr, b + 1, 1, b), kInvalid, "overlap");
  CHECK_ERROR(upbeat_linear(s, weight, a, nullptr, nullptr, 1, a), kInvalid, "overlap");
  CHECK_ERROR(upbeat_linear(s, weight, a, nullptr, nullptr, -1, b), kInvalid, "rows");
  CHECK_ERROR(upbeat_linear(s, weight, a, nullptr, nullptr, INT32_MAX, b), kInvalid, "input");
  CHECK_OK(upbeat_linear(s, weight, a, nullptr, nullptr, 0, b));
  CHECK_ERROR(upbeat_embedding(s, weight, reinterpret_cast<std::byte*>(a) + 2, 1, b), kInvalid, "tokens");
  CHECK_ERROR(upbeat_rms_norm(s, a, b, -1, 1, 8, a), kInvalid, "epsilon");
  CHECK_ERROR(upbeat_rms_norm(s, a, b, NAN, 1, 8, a), kInvalid, "epsilon");
  CHECK_ERROR(upbeat_rms_norm(s, a, b, 0, 1, 0, a), kInvalid, "columns");
  CHECK_ERROR(upbeat_rms_norm(s, a, b, 0, INT32_MAX, INT32_MAX, a), kInvalid, "shape");
  CHECK_ERROR(upbeat_silu_multiply(s, a, 2, 17, b), kInvalid, "gate_up");
  CHECK_ERROR(upbeat_gather_rows(s, a, b, 9, 1, 8, b), kInvalid, "input");
  CHECK_ERROR(upbeat_gather_tokens(s, a, b, 1, 0, b), kInvalid, "table_length");
  CHECK_ERROR(upbeat_scatter_tokens(s, a, b, 65, 8, b), kInvalid, "tokens");
  CHECK_ERROR(upbeat_rotary_table(s, test.host<double>(4), 1, 4, 7, a), kInvalid, "head_dim: must be even");
  CHECK_ERROR(upbeat_rotary_table(s, a, 1, 4, 8, b), kInvalid, "inverse_frequencies: must be pinned");
  CHECK_ERROR(upbeat_rotary_table(s, test.host<double>(4), NAN, 4, 8, b), kInvalid, "scale");
  test.finish();
}

TEST("attention and cache ops refuse wrong shapes") {
  TestDevice test;
  auto* m = test.memory<float>(4096);
  const int32_t s = test.stream;
  constexpr int32_t kInvalid = UPBEAT_ERROR_INVALID_ARGUMENT;
  int64_t bytes = 0;
  CHECK_OK(upbeat_kv_cache_bytes(test.device, UPBEAT_DTYPE_BF16, 3, 16, 2, 8, &bytes));
  CHECK(bytes >= 3 * 16 * 2 * 8 * 2);
  CHECK_ERROR(upbeat_kv_cache_bytes(test.device, UPBEAT_DTYPE_F16, 3, 16, 2, 8, &bytes), kInvalid, "dtype");
  CHECK_ERROR(upbeat_kv_cache_bytes(test.device, 0, 0, 16, 2, 8, &bytes), kInvalid, "blocks");
  CHECK_ERROR(upbeat_kv_cache_bytes(test.device, 0, 3, 16, 2, 8, nullptr), kInvalid, "bytes");
  CHECK_ERROR(upbeat_kv_cache_bytes(test.device, 0, INT32_MAX, INT32_MAX, 2, 8, &bytes), kInvalid, "overflow");

  auto cache = [&](int32_t heads, int32_t kv_heads, int32_t head_dim, const void* query_norm, int32_t dtype,
                   int32_t block_size) {
    return upbeat_rotary_cache(s, m, m, m, m, query_norm, nullptr, 1e-6f, 1, heads, kv_heads, head_dim, m, m, dtype,
                               block_size);
  };
  CHECK_ERROR(cache(3, 2, 8, nullptr, 0, 16), kInvalid, "heads: must be a multiple of kv_heads");
  CHECK_ERROR(cache(2, 2, 7, nullptr, 0, 16), kInvalid, "head_dim");
  CHECK_ERROR(cache(2, 2, 8, m, 0, 16), kInvalid, "query_norm and key_norm");
  CHECK_ERROR(cache(2, 2, 8, nullptr, 1, 16), kInvalid, "cache_dtype");
  CHECK_ERROR(cache(2, 2, 8, nullptr, 0, 0), kInvalid, "block_size");
  CHECK_ERROR(cache(2, 2, 8, nullptr, 0, 4096), kInvalid, "key_cache");

  auto* output = test.memory<float>(4096);
  auto attention = [&](int32_t stride, int32_t max_blocks, int32_t requests, int32_t heads, float scale,
                       int32_t window) {
    return upbeat_attention(s, m, stride, m, m, 0, m, max_blocks, m, m, requests, 1, heads, 2, 8, 16, scale, window,
                            output);
  };
  CHECK_ERROR(attention(15, 1, 1, 2, 1, 0), kInvalid, "query_stride: must be at least heads * head_dim (16)");
  CHECK_ERROR(attention(16, 0, 1, 2, 1, 0), kInvalid, "max_blocks");
  CHECK_ERROR(attention(16, 1, -1, 2, 1, 0), kInvalid, "requests");
  CHECK_ERROR(attention(24, 1, 1, 3, 1, 0), kInvalid, "heads");
  CHECK_ERROR(attention(16, 1, 1, 2, INFINITY, 0), kInvalid, "scale");
  CHECK_ERROR(attention(16, 1, 1, 2, 1, -1), kInvalid, "sliding_window");
  CHECK_ERROR(attention(16, 5000, 1, 2, 1, 0), kInvalid, "block_tables");
  CHECK_OK(attention(16, 1, 0, 2, 1, 0));

  auto sample = [&](int32_t vocabulary, const void* bias, int32_t max_logprobs, void* logprobs) {
    return upbeat_sample(s, m, 1, vocabulary, m, m, m, bias, nullptr, max_logprobs, m, logprobs, nullptr);
  };
  CHECK_ERROR(sample(0, nullptr, 0, nullptr), kInvalid, "vocabulary");
  CHECK_ERROR(sample(5000, nullptr, 0, nullptr), kInvalid, "logits");
  CHECK_ERROR(sample(8, m, 0, nullptr), kInvalid, "bias_tokens and bias_values");
  CHECK_ERROR(sample(8, nullptr, -1, nullptr), kInvalid, "max_logprobs");
  CHECK_ERROR(sample(8, nullptr, 2, m), kInvalid, "logprobs and logprob_tokens");
  test.finish();
}

int main() { return check::run_all(); }
