// upbeat_attention_bench [threads [rounds [case]]]:  attention in prefill against the machine's FMA peak, in decode
// against its read bandwidth. The peaks are measured in every round, next to the kernels; printed are the medians over
// the rounds, and the best call against the best peak of the run. Prefill counts the causal half only, without the
// softmax.
//
// UPBEAT_BENCH_SIMD: one of the UPBEAT_SIMD_* numbers.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <thread>
#include <vector>

#include "abi/backend.h"
#include "cpu/kernels/kernels.h"
#include "ffi/upbeat.h"
#include "machine_peak.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace {

using upbeat::Dtype;
using upbeat::machine::Rates;

struct Case {
  const char* name;
  int heads;
  int kv_heads;
  int head_dim;
  Dtype dtype;
  int requests;
  int queries;  // of each request
  int length;   // of each request
};

constexpr Case kCases[] = {
    {"prefill 512, 14/2 x 64, F32", 14, 2, 64, Dtype::f32, 1, 512, 512},
    {"prefill 512, 14/2 x 64, BF16", 14, 2, 64, Dtype::bf16, 1, 512, 512},
    {"prefill 512, 16/8 x 128, F32", 16, 8, 128, Dtype::f32, 1, 512, 512},
    {"prefill 512, 16/8 x 128, BF16", 16, 8, 128, Dtype::bf16, 1, 512, 512},
    {"prefill 512, 8/8 x 64, F32", 8, 8, 64, Dtype::f32, 1, 512, 512},
    {"prefill 256 of 4096, 14/2 x 64, BF16", 14, 2, 64, Dtype::bf16, 1, 256, 4096},
    {"decode 1 x 8192, 14/2 x 64, F32", 14, 2, 64, Dtype::f32, 1, 1, 8192},
    {"decode 1 x 8192, 14/2 x 64, BF16", 14, 2, 64, Dtype::bf16, 1, 1, 8192},
    {"decode 8 x 2048, 14/2 x 64, BF16", 14, 2, 64, Dtype::bf16, 8, 1, 2048},
    {"decode 8 x 2048, 16/8 x 128, F32", 16, 8, 128, Dtype::f32, 8, 1, 2048},
    {"decode 8 x 2048, 16/8 x 128, BF16", 16, 8, 128, Dtype::bf16, 8, 1, 2048},
    {"decode 8 x 2048, 8/8 x 64, BF16", 8, 8, 64, Dtype::bf16, 8, 1, 2048},
};

constexpr int kBlockSize = 16;
constexpr int64_t kCacheBytes = int64_t(512) << 20;  // keys, and as much of values: beyond any cache

void* allocate_huge(size_t bytes) {
  void* memory = std::aligned_alloc(size_t(2) << 20, (bytes + (size_t(2) << 20) - 1) >> 21 << 21);
  if (memory == nullptr) {
    std::fprintf(stderr, "cannot allocate %zu bytes\n", bytes);
    std::exit(1);
  }
#if defined(__linux__)
  madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

double operations_of(const Case& c) {
  double keys = 0;
  for (int i = 0; i < c.queries; i++) keys += c.length - c.queries + i + 1;
  return keys * 4.0 * c.head_dim * c.heads * c.requests;
}

double bytes_of(const Case& c) {
  return 2.0 * c.requests * c.length * c.kv_heads * c.head_dim * double(upbeat::dtype_bytes(c.dtype));
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : int(std::thread::hardware_concurrency());
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 7;
  if (threads < 1 || rounds < 1) {
    std::fprintf(stderr, "usage: upbeat_attention_bench [threads [rounds [case]]]\n");
    return 2;
  }
  const char* simd = std::getenv("UPBEAT_BENCH_SIMD");
  const upbeat::KernelSet* kernels = upbeat::kernel_set(simd != nullptr ? std::atoi(simd) : UPBEAT_SIMD_AUTO);
  if (kernels == nullptr) {
    std::fprintf(stderr, "this machine does not have the kernel set %s\n", simd);
    return 1;
  }
  upbeat::ThreadPool pool(threads);
  upbeat::machine::ReadBandwidth bandwidth(threads, int64_t(1) << 29);
  uint32_t* keys = static_cast<uint32_t*>(allocate_huge(kCacheBytes));
  uint32_t* values = static_cast<uint32_t*>(allocate_huge(kCacheBytes));
  uint32_t state = 1;
  for (int64_t i = 0; i < kCacheBytes / 4; i++) {  // values of both signs around 0.01 in either dtype
    state = state * 1664525u + 1013904223u;
    keys[i] = (state & 0x807f807fu) | 0x3c003c00u;
    values[i] = (state >> 1 & 0x807f807fu) | 0x3c003c00u;
  }

  std::printf("kernels %s, %d threads, %d rounds\n", kernels->name, threads, rounds);
  std::printf("%-38s %10s %8s %8s %8s %8s\n", "", "best us", "GFLOP/s", "GB/s", "ratio", "of best");
  for (const Case& c : kCases) {
    if (argc > 3 && std::strstr(c.name, argv[3]) == nullptr) continue;
    const bool prefill = c.queries > 1;
    const int64_t layer_bytes = upbeat::kv_cache_bytes(c.dtype, 1, kBlockSize, c.kv_heads, c.head_dim);
    const int max_blocks = (c.length + kBlockSize - 1) / kBlockSize;
    const int blocks = int(kCacheBytes / layer_bytes);
    std::vector<int> starts, lengths, tables(size_t(c.requests) * size_t(max_blocks));
    for (int i = 0; i <= c.requests; i++) starts.push_back(i * c.queries);
    lengths.assign(size_t(c.requests), c.length);
    const int rows = starts.back();
    const int width = c.heads * c.head_dim;
    std::vector<float> query(size_t(rows * width)), output(query.size());
    for (float& x : query) x = float(int32_t(state = state * 1664525u + 1013904223u)) * 0x1p-31f;
    int next_block = 0;
    const auto call = [&] {
      for (int& block : tables) {  // memory not touched lately, in no order
        block = int(int64_t(next_block++) * 7919 % blocks);
      }
      const upbeat::AttentionArguments arguments = {
          query.data(), width,         keys,           values,     c.dtype, tables.data(),
          max_blocks,   starts.data(), lengths.data(), c.requests, rows,    c.heads,
          c.kv_heads,   c.head_dim,    kBlockSize,     0.125f,     0,       output.data(), blocks};
      upbeat::Fault fault;
      const upbeat::machine::Stopwatch stopwatch(threads);
      if (!kernels->attention(arguments, pool, fault)) {
        std::fprintf(stderr, "%s\n", fault.message);
        std::exit(1);
      }
      return stopwatch.seconds();
    };
    call();
    std::vector<double> seconds, ratios, peaks;
    for (int round = 0; round < rounds; round++) {
      const auto peak = [&] {
        return prefill ? upbeat::machine::measure_fma(threads, 1, 0.02).median() : bandwidth.measure(1).median();
      };
      const double before = peak();
      std::vector<double> calls;
      for (double total = 0; total < 0.04;) {
        calls.push_back(call());
        total += calls.back();
      }
      const double rate = (before + peak()) / 2;
      const double floor = (prefill ? operations_of(c) : bytes_of(c)) / (rate * 1e9);
      peaks.push_back(rate);
      ratios.push_back(floor / Rates{calls}.median());
      seconds.push_back(Rates{calls}.lowest());
    }
    const double best = Rates{seconds}.lowest();
    const double best_floor = (prefill ? operations_of(c) : bytes_of(c)) / (Rates{peaks}.highest() * 1e9);
    std::printf("%-38s %10.1f %8.1f %8.2f %8.3f %8.3f   (peak %.1f)\n", c.name, best * 1e6,
                operations_of(c) / best * 1e-9, bytes_of(c) / best * 1e-9, Rates{ratios}.median(), best_floor / best,
                Rates{peaks}.median());
    std::fflush(stdout);
  }
  return 0;
}
