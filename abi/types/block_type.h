// Block-quantized element types of weights: a row is a sequence of blocks, each a fixed number of elements in a fixed
// number of bytes. The numbers are those of the GGUF format, plus 64; abi/quantized/ reads the blocks.
#pragma once

#include <cstdint>

namespace upbeat {

enum class BlockType : int32_t {
  none = 0,
  q4_0 = 66,
  q4_1 = 67,
  q5_0 = 70,
  q5_1 = 71,
  q8_0 = 72,
  q2_k = 74,
  q3_k = 75,
  q4_k = 76,
  q5_k = 77,
  q6_k = 78,
  iq2_xxs = 80,
  iq2_xs = 81,
  iq3_xxs = 82,
  iq1_s = 83,
  iq4_nl = 84,
  iq3_s = 85,
  iq2_s = 86,
  iq4_xs = 87,
  iq1_m = 93,
  tq1_0 = 98,
  tq2_0 = 99,
  mxfp4 = 103,
};

// What a block of a type is in a file.
struct BlockSize {
  BlockType type;
  const char* name;
  int32_t columns;
  int32_t bytes;
};

inline constexpr BlockSize kBlockSizes[] = {
    {BlockType::q4_0, "Q4_0", 32, 18},        {BlockType::q4_1, "Q4_1", 32, 20},
    {BlockType::q5_0, "Q5_0", 32, 22},        {BlockType::q5_1, "Q5_1", 32, 24},
    {BlockType::q8_0, "Q8_0", 32, 34},        {BlockType::q2_k, "Q2_K", 256, 84},
    {BlockType::q3_k, "Q3_K", 256, 110},      {BlockType::q4_k, "Q4_K", 256, 144},
    {BlockType::q5_k, "Q5_K", 256, 176},      {BlockType::q6_k, "Q6_K", 256, 210},
    {BlockType::iq2_xxs, "IQ2_XXS", 256, 66}, {BlockType::iq2_xs, "IQ2_XS", 256, 74},
    {BlockType::iq3_xxs, "IQ3_XXS", 256, 98}, {BlockType::iq1_s, "IQ1_S", 256, 50},
    {BlockType::iq4_nl, "IQ4_NL", 32, 18},    {BlockType::iq3_s, "IQ3_S", 256, 110},
    {BlockType::iq2_s, "IQ2_S", 256, 82},     {BlockType::iq4_xs, "IQ4_XS", 256, 136},
    {BlockType::iq1_m, "IQ1_M", 256, 56},     {BlockType::tq1_0, "TQ1_0", 256, 54},
    {BlockType::tq2_0, "TQ2_0", 256, 66},     {BlockType::mxfp4, "MXFP4", 32, 17},
};

// The entry of a type, or null for none and unknown numbers.
static constexpr const BlockSize* block_size(BlockType type) {
  for (const BlockSize& size : kBlockSizes) {
    if (size.type == type) return &size;
  }
  return nullptr;
}

}  // namespace upbeat
