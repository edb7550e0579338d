#include "machine_peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace upbeat::machine {
namespace {

// Runs body(thread) on all threads, started together, and returns the seconds from the start to the last one's end.
template <typename Body>
double run_together(int threads, const Body& body) {
  std::atomic<int> ready{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; thread++) {
    others.emplace_back([&, thread] {
      ready.fetch_add(1);
      while (!go.load(std::memory_order_acquire)) {
      }
      body(thread);
    });
  }
  while (ready.load() != threads - 1) {
  }
  const Stopwatch stopwatch(threads);
  go.store(true, std::memory_order_release);
  body(0);
  for (std::thread& other : others) other.join();
  return stopwatch.seconds();
}

// Keeps a result alive without storing it where another thread could see it.
inline void consume(float value) { asm volatile("" : : "g"(value) : "memory"); }

// Each fma_* runs `iterations` times over kChains independent accumulators; more chains than latency x ports, fewer
// than registers.
constexpr int kChains = 14;

#if defined(__x86_64__)

__attribute__((target("avx512f"))) void fma_avx512(int64_t iterations) {
  __m512 sums[kChains];
  for (int i = 0; i < kChains; i++) sums[i] = _mm512_set1_ps(float(i));
  const __m512 factor = _mm512_set1_ps(0.999f), term = _mm512_set1_ps(0.5f);
  for (int64_t n = 0; n < iterations; n++) {
#pragma GCC unroll 14
    for (int i = 0; i < kChains; i++) sums[i] = _mm512_fmadd_ps(sums[i], factor, term);
  }
  for (int i = 1; i < kChains; i++) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  consume(_mm512_cvtss_f32(sums[0]));
}

__attribute__((target("avx2,fma"))) void fma_avx2(int64_t iterations) {
  __m256 sums[kChains];
  for (int i = 0; i < kChains; i++) sums[i] = _mm256_set1_ps(float(i));
  const __m256 factor = _mm256_set1_ps(0.999f), term = _mm256_set1_ps(0.5f);
  for (int64_t n = 0; n < iterations; n++) {
#pragma GCC unroll 14
    for (int i = 0; i < kChains; i++) sums[i] = _mm256_fmadd_ps(sums[i], factor, term);
  }
  for (int i = 1; i < kChains; i++) sums[0] = _mm256_add_ps(sums[0], sums[i]);
  consume(_mm256_cvtss_f32(sums[0]));
}

void fma_baseline(int64_t iterations) {  // SSE2 has no FMA: a multiplication and an addition, as the portable kernels
  __m128 sums[12];
  for (int i = 0; i < 12; i++) sums[i] = _mm_set1_ps(float(i));
  const __m128 factor = _mm_set1_ps(0.999f), term = _mm_set1_ps(0.5f);
  for (int64_t n = 0; n < iterations; n++) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) sums[i] = _mm_add_ps(_mm_mul_ps(sums[i], factor), term);
  }
  for (int i = 1; i < 12; i++) sums[0] = _mm_add_ps(sums[0], sums[i]);
  consume(_mm_cvtss_f32(sums[0]));
}

#elif defined(__aarch64__)

void fma_baseline(int64_t iterations) {
  float32x4_t sums[24];
  for (int i = 0; i < 24; i++) sums[i] = vdupq_n_f32(float(i));
  const float32x4_t factor = vdupq_n_f32(0.999f), term = vdupq_n_f32(0.5f);
  for (int64_t n = 0; n < iterations; n++) {
#pragma GCC unroll 24
    for (int i = 0; i < 24; i++) sums[i] = vfmaq_f32(term, sums[i], factor);
  }
  for (int i = 1; i < 24; i++) sums[0] = vaddq_f32(sums[0], sums[i]);
  consume(vgetq_lane_f32(sums[0], 0));
}

#else

void fma_baseline(int64_t iterations) {
  float sums[kChains] = {};
  for (int64_t n = 0; n < iterations; n++) {
    for (int i = 0; i < kChains; i++) sums[i] = sums[i] * 0.999f + 0.5f;
  }
  for (int i = 1; i < kChains; i++) sums[0] += sums[i];
  consume(sums[0]);
}

#endif

struct FmaLoop {
  const char* name;
  void (*run)(int64_t iterations);
  int operations;  // per iteration
};

FmaLoop widest_fma_loop() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return {"AVX-512", fma_avx512, kChains * 16 * 2};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {"AVX2", fma_avx2, kChains * 8 * 2};
  return {"SSE2", fma_baseline, 12 * 4 * 2};
#elif defined(__aarch64__)
  return {"NEON", fma_baseline, 24 * 4 * 2};
#else
  return {"portable", fma_baseline, kChains * 2};
#endif
}

// Sixteen bytes: a register of every machine's baseline. Wider loads read no faster from memory.
typedef uint64_t Words __attribute__((vector_size(16)));

inline void prefetch_near(const void* address) { __builtin_prefetch(address, 0, 3); }
inline void prefetch_far(const void* address) { __builtin_prefetch(address, 0, 2); }

// Reads [data, data + bytes) as `kStreams` sequential streams side by side, with prefetches `kAhead` bytes ahead (0:
// none) to the first-level cache or to the second. bytes is a multiple of 256 * kStreams.
template <int kStreams, int kAhead, bool kFar>
uint64_t read_streams(const uint8_t* data, int64_t bytes) {
  const int64_t stream_bytes = bytes / kStreams;
  Words sums0 = {}, sums1 = {}, sums2 = {}, sums3 = {};
  for (int64_t offset = 0; offset < stream_bytes; offset += 64) {
    for (int stream = 0; stream < kStreams; stream++) {
      const uint8_t* line = data + stream * stream_bytes + offset;
      if (kAhead > 0 && kFar) prefetch_far(line + kAhead);
      if (kAhead > 0 && !kFar) prefetch_near(line + kAhead);
      const Words* words = reinterpret_cast<const Words*>(line);
      sums0 += words[0];
      sums1 += words[1];
      sums2 += words[2];
      sums3 += words[3];
    }
  }
  sums0 += sums1 + sums2 + sums3;
  return sums0[0] + sums0[1];
}

using Reader = uint64_t (*)(const uint8_t*, int64_t);
constexpr Reader kReaders[] = {read_streams<1, 0, false>, read_streams<1, 4096, false>, read_streams<1, 4096, true>,
                               read_streams<4, 0, false>, read_streams<4, 2048, false>, read_streams<4, 4096, false>};
constexpr int kReaderCount = int(sizeof kReaders / sizeof kReaders[0]);
// Threads take pieces of this size in turn, so that one slow core does not delay the pass.
constexpr int64_t kPiece = 4 << 20;

}  // namespace

double Rates::median() const {
  std::vector<double> sorted = samples;
  std::sort(sorted.begin(), sorted.end());
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

double Rates::lowest() const { return *std::min_element(samples.begin(), samples.end()); }

double Rates::highest() const { return *std::max_element(samples.begin(), samples.end()); }

Stopwatch::Stopwatch(int threads) : own_time_(threads == 1), start_(now()) {}

double Stopwatch::seconds() const { return now() - start_; }

double Stopwatch::now() const {
#if defined(CLOCK_THREAD_CPUTIME_ID)
  if (own_time_) {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
  }
#endif
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

const char* widest_instruction_set() { return widest_fma_loop().name; }

Rates measure_fma(int threads, int passes, double seconds) {
  const FmaLoop loop = widest_fma_loop();
  constexpr int64_t kSlice = 10000;
  const Stopwatch stopwatch(threads);
  int64_t slices = 0;
  while (stopwatch.seconds() < seconds / 2) {  // also raises the clock frequency
    loop.run(kSlice);
    slices += 2;
  }
  Rates rates;
  for (int pass = 0; pass < passes; pass++) {
    // Threads take slices in turn, so that an interrupted core does not delay the pass.
    std::atomic<int64_t> next{0};
    const double elapsed = run_together(threads, [&](int) {
      while (next.fetch_add(1) < slices * threads) loop.run(kSlice);
    });
    rates.samples.push_back(double(slices) * threads * kSlice * loop.operations / elapsed * 1e-9);
  }
  return rates;
}

ReadBandwidth::ReadBandwidth(int threads, int64_t bytes)
    : threads_(threads), bytes_(std::max<int64_t>(1, bytes / kPiece) * kPiece), data_(nullptr), variant_(0) {
  data_ = static_cast<uint8_t*>(std::aligned_alloc(2 << 20, size_t(bytes_)));
  if (data_ == nullptr) {
    std::fprintf(stderr, "cannot allocate %lld bytes\n", static_cast<long long>(bytes_));
    std::exit(1);
  }
#if defined(__linux__)
  madvise(data_, size_t(bytes_), MADV_HUGEPAGE);
#endif
  std::atomic<int64_t> next{0};
  run_together(threads_, [&](int) {
    for (int64_t offset; (offset = next.fetch_add(kPiece)) < bytes_;) std::memset(data_ + offset, 1, size_t(kPiece));
  });
  double best = 0;
  for (int attempt = 0; attempt < 2 * kReaderCount; attempt++) {
    const double rate = pass(attempt % kReaderCount);
    if (rate > best) {
      best = rate;
      variant_ = attempt % kReaderCount;
    }
  }
}

ReadBandwidth::~ReadBandwidth() { std::free(data_); }

double ReadBandwidth::pass(int variant) {
  std::atomic<int64_t> next{0};
  const double elapsed = run_together(threads_, [&](int) {
    uint64_t sum = 0;
    for (int64_t offset; (offset = next.fetch_add(kPiece)) < bytes_;) sum += kReaders[variant](data_ + offset, kPiece);
    consume(float(sum));
  });
  return double(bytes_) / elapsed * 1e-9;
}

Rates ReadBandwidth::measure(int passes) {
  Rates rates;
  for (int i = 0; i < passes; i++) rates.samples.push_back(pass(variant_));
  return rates;
}

}  // namespace upbeat::machine
