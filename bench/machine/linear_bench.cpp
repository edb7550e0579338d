// upbeat_linear_bench [threads [rounds [rows ...]]]: the linear kernels on the shapes of Qwen2.5-0.5B (24 layers and
// the output layer, each layer with weights of its own), compared with the peaks of the machine. The environment
// chooses the weights: UPBEAT_BENCH_WEIGHTS is BF16 or a block-quantized type, whose inputs are int8 then;
// UPBEAT_BENCH_SHAPE=llama takes the shapes of Llama-3.2-1B, which are multiples of 256.
//
// The floor of a call is the larger of (operations / FMA peak) and (weight bytes / read bandwidth). Both are measured
// again in every round, next to the kernels, and a round's ratio uses that round's peaks: on a shared machine the ratio
// is steadier than any time. Printed: the median over the rounds of floor / time, and the same from the best time and
// the best peaks of the run. With one thread all times are CPU times (see Stopwatch).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "cpu/kernels/kernels.h"
#include "cpu/kernels/linear/weight_layout.h"
#include "cpu/kernels/quantized/block_layout.h"
#include "ffi/upbeat.h"
#include "machine_peak.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace {

using upbeat::machine::Rates;

struct Shape {
  const char* name;
  int outputs;
  int inputs;
  int count;  // per step
};

constexpr int kShapeCount = 5;
constexpr Shape kQwenShapes[kShapeCount] = {
    {"qkv", 1152, 896, 24},  {"attention output", 896, 896, 24}, {"gate_up", 9728, 896, 24},
    {"down", 896, 4864, 24}, {"vocabulary", 151936, 896, 1},
};
constexpr Shape kLlamaShapes[kShapeCount] = {
    {"qkv", 3072, 2048, 16},  {"attention output", 2048, 2048, 16}, {"gate_up", 16384, 2048, 16},
    {"down", 2048, 8192, 16}, {"vocabulary", 128256, 2048, 1},
};

// The type of the weights by its name, BF16 where there is none.
upbeat::WeightType weight_type(const char* name) {
  for (const upbeat::BlockSize& size : upbeat::kBlockSizes) {
    if (name != nullptr && std::strcmp(name, size.name) == 0) return {.blocks = size.type};
  }
  return {.dtype = upbeat::Dtype::bf16};
}

void* allocate_huge(size_t bytes) {
  constexpr size_t kHugePage = size_t(2) << 20;
  const size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* memory = std::aligned_alloc(kHugePage, rounded);
  if (memory == nullptr) {
    std::fprintf(stderr, "cannot allocate %zu bytes\n", rounded);
    std::exit(1);
  }
#if defined(__linux__)
  madvise(memory, rounded, MADV_HUGEPAGE);
#endif
  return memory;
}

uint32_t next_random(uint32_t& state) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

// Weights of both signs and of a magnitude near 0.01; of blocks, any bits.
upbeat::PackedWeight random_weight(const upbeat::KernelSet& kernels, upbeat::WeightType type, int outputs, int inputs,
                                   uint32_t& state) {
  const bool has_blocks = type.blocks != upbeat::BlockType::none;
  upbeat::PackedWeight weight =
      kernels.packed_weight(type, outputs, inputs, has_blocks ? upbeat::InputType::i8 : upbeat::InputType::f32);
  if (has_blocks) {
    const size_t bytes = size_t(upbeat::panel_count(weight)) * upbeat::block_panel_bytes(weight);
    weight.data = allocate_huge(bytes);
    uint32_t* words = static_cast<uint32_t*>(weight.data);
    for (size_t i = 0; i < bytes / 4; i++) words[i] = next_random(state) & 0xbfffbfff;  // no infinite scales
    return weight;
  }
  weight.data = allocate_huge(upbeat::packed_bytes(weight));
  uint16_t* words = static_cast<uint16_t*>(weight.data);
  for (size_t i = 0; i < upbeat::packed_bytes(weight) / 2; i++) {
    const uint32_t random = next_random(state);
    words[i] = uint16_t((random & 0x8000u) | 0x3c00u | (random >> 16 & 0x7fu));
  }
  return weight;
}

struct Samples {
  std::vector<double> values;
  void add(double value) { values.push_back(value); }
  double median() const { return Rates{values}.median(); }
  double lowest() const { return Rates{values}.lowest(); }
};

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : int(std::thread::hardware_concurrency());
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 7;
  std::vector<int> all_rows;
  for (int i = 3; i < argc; i++) all_rows.push_back(std::atoi(argv[i]));
  if (all_rows.empty()) all_rows = {1, 4, 8, 16, 32, 128, 512};
  if (threads < 1 || rounds < 1 || *std::min_element(all_rows.begin(), all_rows.end()) < 1) {
    std::fprintf(stderr, "usage: upbeat_linear_bench [threads [rounds [rows ...]]]\n");
    return 2;
  }

  // UPBEAT_BENCH_SIMD: one of the UPBEAT_SIMD_* numbers.
  const char* simd = std::getenv("UPBEAT_BENCH_SIMD");
  const upbeat::KernelSet* kernels = upbeat::kernel_set(simd != nullptr ? std::atoi(simd) : UPBEAT_SIMD_AUTO);
  if (kernels == nullptr) {
    std::fprintf(stderr, "this machine does not have the kernel set %s\n", simd);
    return 1;
  }
  upbeat::ThreadPool pool(threads);
  upbeat::machine::ReadBandwidth bandwidth(threads, int64_t(1) << 30);

  const upbeat::WeightType type = weight_type(std::getenv("UPBEAT_BENCH_WEIGHTS"));
  const char* shape_name = std::getenv("UPBEAT_BENCH_SHAPE");
  const Shape* kShapes = shape_name != nullptr && std::strcmp(shape_name, "llama") == 0 ? kLlamaShapes : kQwenShapes;
  const auto run = type.blocks != upbeat::BlockType::none ? kernels->linear_blocks : kernels->linear;
  uint32_t random = 1;
  std::vector<upbeat::PackedWeight> weights[kShapeCount];
  for (int shape = 0; shape < kShapeCount; shape++) {
    for (int i = 0; i < kShapes[shape].count; i++) {
      weights[shape].push_back(random_weight(*kernels, type, kShapes[shape].outputs, kShapes[shape].inputs, random));
    }
  }
  const int most_rows = *std::max_element(all_rows.begin(), all_rows.end());
  const size_t input_floats = size_t(most_rows) * 8192;
  const size_t output_floats = std::max(size_t(most_rows) * 16384, size_t(std::min(most_rows, 64)) * 151936);
  float* input = static_cast<float*>(allocate_huge(input_floats * 4));
  float* output = static_cast<float*>(allocate_huge(output_floats * 4));
  for (size_t i = 0; i < input_floats; i++) input[i] = float(int32_t(next_random(random))) * 0x1p-31f;

  std::printf("kernels %s, %s weights, %d threads, %d rounds\n", kernels->name, name_of(type), threads, rounds);
  for (const int rows : all_rows) {
    Samples seconds[kShapeCount + 1], ratios[kShapeCount + 1], fma_rates, read_rates;
    double operations[kShapeCount], bytes[kShapeCount];
    const auto floor_seconds = [&](int shape, double fma, double read) {
      return std::max(operations[shape] / (fma * 1e9), bytes[shape] / (read * 1e9));
    };
    for (int round = 0; round < rounds; round++) {
      double round_seconds[kShapeCount];
      const double fma_before = upbeat::machine::measure_fma(threads, 1, 0.02).median();
      const double read_before = bandwidth.measure(1).median();
      for (int shape = 0; shape < kShapeCount; shape++) {
        // A prefill needs the logits of its last row only.
        const int shape_rows = kShapes[shape].count == 1 && rows > 64 ? 1 : rows;
        operations[shape] = 2.0 * shape_rows * kShapes[shape].outputs * kShapes[shape].inputs * kShapes[shape].count;
        bytes[shape] = double(row_bytes(type, kShapes[shape].inputs)) * kShapes[shape].outputs * kShapes[shape].count;
        upbeat::Fault fault;
        const upbeat::machine::Stopwatch stopwatch(threads);
        for (const upbeat::PackedWeight& weight : weights[shape]) {
          const upbeat::LinearArguments arguments = {weight, input, nullptr, nullptr, shape_rows, output};
          if (!run(arguments, pool, fault)) {
            std::fprintf(stderr, "%s\n", fault.message);
            return 1;
          }
        }
        round_seconds[shape] = stopwatch.seconds();
      }
      const double fma = (fma_before + upbeat::machine::measure_fma(threads, 1, 0.02).median()) / 2;
      const double read = (read_before + bandwidth.measure(1).median()) / 2;
      fma_rates.add(fma);
      read_rates.add(read);
      double floor_sum = 0, seconds_sum = 0;
      for (int shape = 0; shape < kShapeCount; shape++) {
        const double floor = floor_seconds(shape, fma, read);
        seconds[shape].add(round_seconds[shape]);
        ratios[shape].add(floor / round_seconds[shape]);
        floor_sum += floor;
        seconds_sum += round_seconds[shape];
      }
      seconds[kShapeCount].add(seconds_sum);
      ratios[kShapeCount].add(floor_sum / seconds_sum);
    }

    const double best_fma = Rates{fma_rates.values}.highest(), best_read = Rates{read_rates.values}.highest();
    std::printf("\nrows %d: FMA peak %.0f GFLOP/s (best %.0f), read %.1f GB/s (best %.1f)\n", rows, fma_rates.median(),
                best_fma, read_rates.median(), best_read);
    std::printf("  %-18s %10s %10s %8s %8s %8s %8s\n", "", "median ms", "best ms", "GFLOP/s", "GB/s", "ratio",
                "of best");
    double best_floor_sum = 0, operations_sum = 0, bytes_sum = 0;
    for (int shape = 0; shape <= kShapeCount; shape++) {
      const bool whole = shape == kShapeCount;
      const double best_floor = whole ? best_floor_sum : floor_seconds(shape, best_fma, best_read);
      const double shape_operations = whole ? operations_sum : operations[shape];
      const double shape_bytes = whole ? bytes_sum : bytes[shape];
      best_floor_sum += best_floor;
      operations_sum += shape_operations;
      bytes_sum += shape_bytes;
      std::printf("  %-18s %10.3f %10.3f %8.1f %8.1f %8.3f %8.3f\n", whole ? "step" : kShapes[shape].name,
                  seconds[shape].median() * 1e3, seconds[shape].lowest() * 1e3,
                  shape_operations / seconds[shape].lowest() * 1e-9, shape_bytes / seconds[shape].lowest() * 1e-9,
                  ratios[shape].median(), best_floor / seconds[shape].lowest());
    }
    std::fflush(stdout);
  }
  return 0;
}
