// One form for the blocks of all types: integer codes, small integer scales, and two 16-bit floats.
//
// Element k of a block is
//
//   scale * factor * scales[k / run] * level(codes[k]) + offset * offset_factor * offsets[k / run]
//
// where a level is an integer: the code minus `zero`, or an entry of the type's table. Every product is exact in F32
// (at most 24 significant bits), so an element has at most one rounding, that of the sum.
#pragma once

#include <cstdint>

#include "abi/types/block_type.h"

namespace upbeat {

inline constexpr int kMostBlockColumns = 256;
inline constexpr int kMostRuns = 16;

struct BlockCodes {
  uint8_t codes[kMostBlockColumns];
  int8_t scales[kMostRuns];    // of each run of elements
  uint8_t offsets[kMostRuns];  // likewise, where the type has offsets
  uint16_t scale;              // F16; BF16 where the type says so
  uint16_t offset;             // F16
};

// What the codes of a type mean.
struct BlockFormat {
  int32_t columns;       // of a block
  int32_t bytes;         // of a block
  int32_t bits;          // of a code: 2, 3, 4, 5, 6 or 8
  int32_t run;           // elements that share a scale: 16 or 32
  int32_t zero;          // the code of level 0, where there is no table
  const int8_t* levels;  // the table of 16 levels, or null
  float factor;          // a power of two
  float offset_factor;   // 1 or -1; 0 for a type without offsets
  bool bf16_scale;
  void (*read)(const uint8_t* block, BlockCodes& codes);

  int level(uint8_t code) const { return levels != nullptr ? levels[code] : int(code) - zero; }
};

// The format of a type that is not none.
const BlockFormat& block_format(BlockType type);

// The value of a block's `scale` with the format's factor, and of its `offset` with its sign.
float block_scale(const BlockFormat& format, const BlockCodes& block);
float block_offset(const BlockFormat& format, const BlockCodes& block);

// Converts `columns` elements, a whole number of blocks at any alignment, to F32.
void dequantize(const BlockFormat& format, const uint8_t* blocks, int64_t columns, float* values);

}  // namespace upbeat
