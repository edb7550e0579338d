// upbeat_gpu_peak [--tiny] [--json FILE]: the peaks of this GPU, independent of the library. Device memory, read and
// copied with 16-byte accesses, and BF16 products of the tensor cores from registers, by mma.sync.
//
// On GPUs with other tensor-core instructions (wgmma, tcgen05) the last is not the peak but what mma.sync reaches;
// compare with a matrix product of a vendor library.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "cuda/kernels/common/machine.h"

namespace {

constexpr int kThreads = 256;
constexpr int kLoads = 4;    // independent 16-byte loads of a thread
constexpr int kChains = 16;  // independent accumulators of a warp
constexpr double kProductFlops = 2.0 * 16 * 8 * 16;

void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  std::fprintf(stderr, "%s: %s\n", doing, cudaGetErrorString(status));
  std::exit(1);
}

// Neighbouring threads read neighbouring 16 bytes; a block's loads are kLoads times its width apart.
__global__ void __launch_bounds__(kThreads) copy_kernel(const uint32_t* source, uint32_t* destination, int64_t packs) {
  const Global<const uint32_t> from = source;
  const Global<uint32_t> to = destination;
  const int64_t step = int64_t(gridDim.x) * blockDim.x * kLoads;
  for (int64_t base = int64_t(blockIdx.x) * blockDim.x * kLoads + threadIdx.x; base < packs; base += step) {
    Pack<uint32_t, 4> words[kLoads];
    for (int i = 0; i < kLoads; i++) {
      const int64_t at = base + int64_t(i) * blockDim.x;
      if (at < packs) words[i] = load_pack<4>(from + at * 4);
    }
    for (int i = 0; i < kLoads; i++) {
      const int64_t at = base + int64_t(i) * blockDim.x;
      if (at < packs) store_pack(to + at * 4, words[i]);
    }
  }
}

// The same without stores: `sink` is written under a condition that never holds.
__global__ void __launch_bounds__(kThreads) read_kernel(const uint32_t* source, uint32_t* sink, int64_t packs) {
  const Global<const uint32_t> from = source;
  const Global<uint32_t> never = sink;
  const int64_t step = int64_t(gridDim.x) * blockDim.x * kLoads;
  uint32_t mixed = 0;
  for (int64_t base = int64_t(blockIdx.x) * blockDim.x * kLoads + threadIdx.x; base < packs; base += step) {
    Pack<uint32_t, 4> words[kLoads];
    for (int i = 0; i < kLoads; i++) {
      const int64_t at = base + int64_t(i) * blockDim.x;
      words[i] = at < packs ? load_pack<4>(from + at * 4) : Pack<uint32_t, 4>{};
    }
    for (int i = 0; i < kLoads; i++) mixed |= words[i].v[0] | words[i].v[1] | words[i].v[2] | words[i].v[3];
  }
  if (mixed >> 30 & 1u) never[0] = mixed;
}

__global__ void __launch_bounds__(kThreads) pattern_kernel(uint32_t* destination, int64_t words) {
  const Global<uint32_t> to = destination;
  const int64_t threads = int64_t(gridDim.x) * blockDim.x;
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < words; i += threads) {
    // BF16 values of both signs near 0.01, in no order; the top exponent bit is never set.
    const uint32_t random = uint32_t(i) * 2654435761u ^ uint32_t(i >> 7) * 40503u;
    to[i] = (random & 0x807f807fu) | 0x3c003c00u;
  }
}

__global__ void __launch_bounds__(kThreads) product_kernel(uint32_t* words, int products) {
  const Global<uint32_t> operands = words;
  const int lane = int(threadIdx.x) % 32;
  uint32_t a[4], b[2];
  for (int i = 0; i < 4; i++) a[i] = operands[lane * 8 + i];
  for (int i = 0; i < 2; i++) b[i] = operands[lane * 8 + 4 + i];
  float sums[kChains][4] = {};
  for (int done = 0; done < products; done += kChains) {
#pragma unroll
    for (int chain = 0; chain < kChains; chain++) mma_bf16(sums[chain], a, b);
  }
  float total = 0;
  for (int chain = 0; chain < kChains; chain++) {
    for (int i = 0; i < 4; i++) total += sums[chain][i];
  }
  if (total == 12345.678f) operands[0] = 1;  // keeps the compiler from dropping the products
}

struct Figures {
  double median;
  double best;
};

// Microseconds of a launch, over several rounds.
template <typename Enqueue>
Figures time(cudaStream_t stream, int rounds, int launches, Enqueue&& enqueue) {
  cudaEvent_t start, end;
  check(cudaEventCreateWithFlags(&start, cudaEventDefault), "making an event");
  check(cudaEventCreateWithFlags(&end, cudaEventDefault), "making an event");
  std::vector<double> times;
  for (int round = -1; round < rounds; round++) {  // the first is the warm-up
    check(cudaEventRecord(start, stream), "recording");
    for (int i = 0; i < launches; i++) check(enqueue(), "launching");
    check(cudaEventRecord(end, stream), "recording");
    check(cudaStreamSynchronize(stream), "waiting");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, start, end), "timing");
    if (round >= 0) times.push_back(double(milliseconds) * 1000 / launches);
  }
  cudaEventDestroy(start);
  cudaEventDestroy(end);
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times.front()};
}

}  // namespace

int main(int argc, char** argv) {
  bool tiny = false;
  const char* json = nullptr;
  for (int i = 1; i < argc; i++) {
    if (std::strcmp(argv[i], "--tiny") == 0) {
      tiny = true;
    } else if (std::strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
      json = argv[++i];
    } else {
      std::fprintf(stderr, "usage: upbeat_gpu_peak [--tiny] [--json FILE]\n");
      return 2;
    }
  }
  check(cudaSetDevice(0), "opening the device");
  cudaDeviceProp properties = {};
  check(cudaGetDeviceProperties(&properties, 0), "asking the device");
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");

  const int64_t bytes = tiny ? 1 << 16 : int64_t(2) << 30;
  const int rounds = tiny ? 1 : 9;
  const int launches = tiny ? 1 : 4;
  const int64_t packs = bytes / 16;
  uint32_t *source = nullptr, *destination = nullptr;
  check(cudaMalloc(reinterpret_cast<void**>(&source), size_t(bytes)), "allocating");
  check(cudaMalloc(reinterpret_cast<void**>(&destination), size_t(bytes)), "allocating");
  const auto blocks = unsigned(tiny ? 2 : properties.multiProcessorCount * 16);
  check(launch<pattern_kernel>(blocks, kThreads, 0, stream, source, bytes / 4), "filling");
  check(launch<pattern_kernel>(blocks, kThreads, 0, stream, destination, bytes / 4), "filling");

  const Figures copy = time(stream, rounds, launches, [&] {
    return launch<copy_kernel>(blocks, kThreads, 0, stream, static_cast<const uint32_t*>(source), destination, packs);
  });
  const Figures read = time(stream, rounds, launches, [&] {
    return launch<read_kernel>(blocks, kThreads, 0, stream, static_cast<const uint32_t*>(source), destination, packs);
  });
  const Figures engine = time(stream, rounds, launches, [&] {
    return cudaMemcpyAsync(destination, source, size_t(bytes), cudaMemcpyDeviceToDevice, stream);
  });
  const int products = tiny ? kChains : 1 << 14;
  const auto product_blocks = unsigned(tiny ? 1 : properties.multiProcessorCount * 2);  // all at once on the device
  const Figures product = time(stream, rounds, launches, [&] {
    return launch<product_kernel>(product_blocks, kThreads, 0, stream, source, products);
  });

  const double flops = kProductFlops * products * (kThreads / 32) * product_blocks;
  const auto gigabytes = [](double moved, double microseconds) { return moved / microseconds * 1e-3; };
  std::FILE* out = json == nullptr ? stdout : std::fopen(json, "w");
  if (out == nullptr) {
    std::fprintf(stderr, "%s cannot be written\n", json);
    return 1;
  }
  std::fprintf(
      out,
      "{\"part\": \"machine\", \"name\": \"%s\", \"multiprocessors\": %d, \"bytes\": %lld,\n"
      " \"copyGBps\": {\"median\": %.1f, \"best\": %.1f}, \"readGBps\": {\"median\": %.1f, \"best\": %.1f},\n"
      " \"memcpyGBps\": {\"median\": %.1f, \"best\": %.1f}, \"mmaTflops\": {\"median\": %.2f, \"best\": %.2f}}\n",
      properties.name, properties.multiProcessorCount, static_cast<long long>(bytes),
      gigabytes(2.0 * bytes, copy.median), gigabytes(2.0 * bytes, copy.best), gigabytes(double(bytes), read.median),
      gigabytes(double(bytes), read.best), gigabytes(2.0 * bytes, engine.median), gigabytes(2.0 * bytes, engine.best),
      flops / product.median * 1e-6, flops / product.best * 1e-6);
  if (out != stdout) std::fclose(out);
  cudaFree(source);
  cudaFree(destination);
  cudaStreamDestroy(stream);
  return 0;
}
