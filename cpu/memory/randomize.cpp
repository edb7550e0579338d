// Rows are generated row-major in a buffer that fits the caches and packed from there, like the rows of a file: only
// the kernel set knows the layout.
#include <algorithm>
#include <cstring>

#include "cpu/device/device.h"
#include "cpu/streams/stream.h"

namespace upbeat {

namespace {

constexpr int64_t kPieceBytes = 2 << 20;

struct Randomize {
  PackedWeight weight;
  RandomWeightArguments arguments;
};

template <typename Word, typename Round>
void fill_row(std::byte* row, uint32_t index, const PackedWeight& weight, const RandomWeightArguments& random,
              Round&& round) {
  for (int column = 0; column < weight.columns; column += kRandomColumns) {
    const RandomBlock block = random_block(uint32_t(column / kRandomColumns), index, random.seed_low, random.seed_high);
    Word words[kRandomColumns];
    for (int i = 0; i < kRandomColumns; i++) words[i] = round(random_weight(block.words[i], random.scale));
    const int count = std::min(kRandomColumns, weight.columns - column);
    std::memcpy(row + size_t(column) * sizeof(Word), words, size_t(count) * sizeof(Word));
  }
}

void fill_row(std::byte* row, uint32_t index, const PackedWeight& weight, const RandomWeightArguments& random) {
  switch (weight.dtype) {
    case Dtype::f32:
      return fill_row<float>(row, index, weight, random, [](float value) { return value; });
    case Dtype::f16:
      return fill_row<uint16_t>(row, index, weight, random, round_to_f16);
    case Dtype::bf16:
      return fill_row<uint16_t>(row, index, weight, random, round_to_bf16);
  }
}

bool randomize(CpuStream& stream, const void* payload, Fault& fault) {
  const auto& [weight, random] = payload_as<Randomize>(payload);
  CpuDevice& device = stream.device();
  const int64_t row_bytes = int64_t(weight.columns) * int64_t(dtype_bytes(weight.dtype));
  const auto fitting = int32_t(std::clamp<int64_t>(kPieceBytes / row_bytes, 1, random.row_count));
  std::byte* buffer = stream.bounce_buffer(row_bytes * fitting);
  const int32_t end = random.first_row + random.row_count;
  for (int32_t row = random.first_row; row < end; row += fitting) {
    const int32_t rows = std::min(fitting, end - row);
    const std::lock_guard lock(device.pool_mutex());
    device.pool().run(rows, [&, &weight = weight, &random = random](int task, int) {
      fill_row(buffer + row_bytes * task, uint32_t(row + task), weight, random);
    });
    if (!device.kernels().pack({weight, buffer, {row, rows, 0}}, device.pool(), fault)) return false;
  }
  return true;
}

constexpr Operation kRandomize = {.name = "upbeat_weight_randomize", .run = randomize};

}  // namespace

void CpuStream::enqueue_weight_randomize(const PackedWeight& weight, const RandomWeightArguments& arguments) {
  enqueue_command(kRandomize, Randomize{weight, arguments});
}

}  // namespace upbeat
