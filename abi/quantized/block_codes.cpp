// The formats, and elements as F32.
#include "abi/quantized/block_codes.h"

#include <bit>

#include "abi/quantized/read_blocks.h"

namespace upbeat {

namespace {

constexpr int8_t kIq4Levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
// Twice the values of E2M1.
constexpr int8_t kMxfp4Levels[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
constexpr int8_t kIq3XxsLevels[16] = {-62, -52, -44, -36, -28, -20, -12, -4, 4, 12, 20, 28, 36, 44, 52, 62};
constexpr int8_t kIq3SLevels[16] = {-15, -13, -11, -9, -7, -5, -3, -1, 1, 3, 5, 7, 9, 11, 13, 15};
constexpr int8_t kIq2Levels[16] = {-43, -25, -8, 8, 25, 43};
// Eight times -1, 0 and 1, each an eighth lower and higher.
constexpr int8_t kIq1Levels[16] = {-9, -7, -1, 1, 7, 9};

struct Entry {
  BlockType type;
  BlockFormat format;
};

constexpr Entry entry(BlockType type, BlockFormat format) {
  format.columns = block_size(type)->columns;
  format.bytes = block_size(type)->bytes;
  if (format.factor == 0) format.factor = 1;
  return {type, format};
}

constexpr Entry kFormats[] = {
    entry(BlockType::q4_0, {.bits = 4, .run = 32, .zero = 8, .read = read_q4_0}),
    entry(BlockType::q4_1, {.bits = 4, .run = 32, .offset_factor = 1, .read = read_q4_1}),
    entry(BlockType::q5_0, {.bits = 5, .run = 32, .zero = 16, .read = read_q5_0}),
    entry(BlockType::q5_1, {.bits = 5, .run = 32, .offset_factor = 1, .read = read_q5_1}),
    entry(BlockType::q8_0, {.bits = 8, .run = 32, .zero = 128, .read = read_q8_0}),
    entry(BlockType::q2_k, {.bits = 2, .run = 16, .offset_factor = -1, .read = read_q2_k}),
    entry(BlockType::q3_k, {.bits = 3, .run = 16, .zero = 4, .read = read_q3_k}),
    entry(BlockType::q4_k, {.bits = 4, .run = 32, .offset_factor = -1, .read = read_q4_k}),
    entry(BlockType::q5_k, {.bits = 5, .run = 32, .offset_factor = -1, .read = read_q5_k}),
    entry(BlockType::q6_k, {.bits = 6, .run = 16, .zero = 32, .read = read_q6_k}),
    entry(BlockType::iq2_xxs, {.bits = 4, .run = 32, .levels = kIq2Levels, .factor = 0.125f, .read = read_iq2_xxs}),
    entry(BlockType::iq2_xs, {.bits = 4, .run = 16, .levels = kIq2Levels, .factor = 0.125f, .read = read_iq2_xs}),
    entry(BlockType::iq2_s, {.bits = 4, .run = 16, .levels = kIq2Levels, .factor = 0.125f, .read = read_iq2_s}),
    entry(BlockType::iq3_xxs, {.bits = 4, .run = 32, .levels = kIq3XxsLevels, .factor = 0.25f, .read = read_iq3_xxs}),
    entry(BlockType::iq3_s, {.bits = 4, .run = 32, .levels = kIq3SLevels, .read = read_iq3_s}),
    entry(BlockType::iq1_s, {.bits = 4, .run = 32, .levels = kIq1Levels, .factor = 0.125f, .read = read_iq1_s}),
    entry(BlockType::iq1_m, {.bits = 4, .run = 16, .levels = kIq1Levels, .factor = 0.125f, .read = read_iq1_m}),
    entry(BlockType::iq4_nl, {.bits = 4, .run = 32, .levels = kIq4Levels, .read = read_q4_0}),
    entry(BlockType::iq4_xs, {.bits = 4, .run = 32, .levels = kIq4Levels, .read = read_iq4_xs}),
    entry(BlockType::tq1_0, {.bits = 2, .run = 32, .zero = 1, .read = read_tq1_0}),
    entry(BlockType::tq2_0, {.bits = 2, .run = 32, .zero = 1, .read = read_tq2_0}),
    entry(BlockType::mxfp4, {.bits = 4, .run = 32, .levels = kMxfp4Levels, .bf16_scale = true, .read = read_mxfp4}),
};

float f32_from_f16(uint16_t bits) {
  const uint32_t sign = uint32_t(bits & 0x8000u) << 16;
  const uint32_t exponent = bits >> 10 & 0x1fu;
  const uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24, exact in F32
    const float magnitude = float(mantissa) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

}  // namespace

const BlockFormat& block_format(BlockType type) {
  const Entry* found = kFormats;
  while (found->type != type) found++;
  return found->format;
}

float block_scale(const BlockFormat& format, const BlockCodes& block) {
  const float scale = format.bf16_scale ? std::bit_cast<float>(uint32_t(block.scale) << 16) : f32_from_f16(block.scale);
  return scale * format.factor;
}

float block_offset(const BlockFormat& format, const BlockCodes& block) {
  return format.offset_factor == 0 ? 0 : f32_from_f16(block.offset) * format.offset_factor;
}

void dequantize(const BlockFormat& format, const uint8_t* blocks, int64_t columns, float* values) {
  BlockCodes block;
  for (int64_t start = 0; start < columns; start += format.columns, blocks += format.bytes) {
    format.read(blocks, block);
    const float scale = block_scale(format, block);
    const float offset = block_offset(format, block);
    for (int first = 0; first < format.columns; first += format.run) {
      const float run_scale = scale * float(block.scales[first / format.run]);
      float* value = values + start + first;
      for (int i = 0; i < format.run; i++) value[i] = run_scale * float(format.level(block.codes[first + i]));
      if (format.offset_factor == 0) continue;
      const float run_offset = offset * float(block.offsets[first / format.run]);
      for (int i = 0; i < format.run; i++) value[i] += run_offset;
    }
  }
}

}  // namespace upbeat
