// Linear with weights of quantized blocks and int8 inputs: the same bits on every instruction set, for any number of
// rows and threads. (tests/ops/quantized compares them with a reference.)
#include <algorithm>
#include <cstdlib>

#include "abi/quantized/block_codes.h"
#include "cpu/kernels/linear/weight_layout.h"
#include "cpu/kernels/quantized/block_layout.h"
#include "tests/native/support/matrix.h"

#if defined(__x86_64__)
namespace upbeat::avx2 {
extern const KernelSet kernels;
}
namespace upbeat::avx512 {
extern const KernelSet kernels;
}
namespace upbeat::vnni_emulated {
extern const Kernel<LinearArguments> int8_products;
}
#endif

using upbeat::BlockType;
using upbeat::KernelSet;

namespace {

struct Variant {
  const char* name;
  upbeat::Kernel<upbeat::LinearArguments> linear;
};

// Every way of multiplying that this machine has.
std::vector<Variant> variants() {
  std::vector<Variant> found;
  for (const KernelSet* kernels : kernel_sets()) {
    // Multiplies and adds in two roundings.
    if (std::strcmp(kernels->name, "portable") != 0) found.push_back({kernels->name, kernels->linear_blocks});
  }
#if defined(__x86_64__)
  if (upbeat::kernel_set(UPBEAT_SIMD_AVX2) != nullptr) {
    found.push_back({"AVX2 without VNNI", upbeat::avx2::kernels.linear_blocks});
    found.push_back({"AVX-VNNI, emulated", upbeat::vnni_emulated::int8_products});
  }
  if (upbeat::kernel_set(UPBEAT_SIMD_AVX512) != nullptr) {
    found.push_back({"AVX-512 without VNNI", upbeat::avx512::kernels.linear_blocks});
  }
#endif
  return found;
}

// A weight of random bits, but no infinite or NaN scales.
struct RandomBlocks {
  std::unique_ptr<void, FreeDeleter> memory;
  upbeat::PackedWeight weight;

  RandomBlocks(BlockType type, int rows, int columns, Random& random)
      : weight(kernel_sets().front()->packed_weight({.blocks = type}, rows, columns, upbeat::InputType::i8)) {
    const size_t bytes = size_t(upbeat::panel_count(weight)) * upbeat::block_panel_bytes(weight);
    memory.reset(std::aligned_alloc(64, bytes));
    auto* words = static_cast<uint64_t*>(memory.get());
    for (size_t i = 0; i < bytes / 8; i++) words[i] = random.next() & 0xbfffbfffbfffbfff;
    weight.data = memory.get();
  }
};

}  // namespace

TEST("int8 products have the same bits on every instruction set, for any number of rows and threads") {
  Random random(1);
  for (const upbeat::BlockSize& size : upbeat::kBlockSizes) {
    const int outputs = 1 + random.below(100), columns = size.columns * (1 + random.below(4));
    const RandomBlocks blocks(size.type, outputs, columns, random);
    const std::vector<float> input = random.normals(size_t(300) * size_t(columns));
    std::vector<float> first;
    for (const Variant& variant : variants()) {
      for (const int rows : {300, 1, 7}) {
        std::vector<float> output(size_t(rows) * size_t(outputs));
        const upbeat::LinearArguments arguments = {blocks.weight, input.data(), nullptr, nullptr, rows, output.data()};
        run_kernel(variant.linear, arguments, pool_of(1 + random.below(3)));
        if (first.empty()) first = output;
        CHECK_FORMAT(std::memcmp(output.data(), first.data(), output.size() * sizeof(float)) == 0, "%s on %s, %d rows",
                     size.name, variant.name, rows);
      }
    }
  }
}

int main() { return check::run_all(); }
