// In what order a weight of quantized blocks lies in memory.
//
// Panels of 32 outputs, like other weights (kernels/linear/weight_layout.h), cut into steps of 32 inputs; the bits of a
// code stay as few as they are in the file. A panel is a sequence of blocks, each with
//
//   scale   F16 or BF16 [32 outputs]
//   offset  F16 [32 outputs], where the type has offsets
//   steps   one for types with blocks of 32 elements, eight for those of 256, each with
//             scales   int8 [runs of the step][32 outputs], where blocks have 256 elements
//             offsets  uint8 likewise, where the type has offsets
//             codes    planes of bits
//
// The four inputs that an instruction for int8 products adds are a group, and a line of 128 bytes holds the codes of
// one group: [32 outputs][4 inputs]. A plane of nibbles is four lines, with groups 0 to 3 in the low nibbles and 4 to 7
// in the high ones. A plane of pairs of bits is two lines, with groups 0 to 3 in the first, from the lowest bits up,
// and 4 to 7 in the second. A plane of single bits is one line, group g in bit g. Codes of 5 and 6 bits are a plane of
// nibbles and one of their upper bits, those of 3 bits a plane of pairs and one of single bits, those of 8 bits eight
// lines of signed bytes.
//
// Everything here is static, as in weight_layout.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "abi/quantized/block_codes.h"
#include "abi/types/packed_weight.h"

namespace upbeat {

inline constexpr int kStepColumns = 32;
inline constexpr int kGroupColumns = 4;
inline constexpr int kStepGroups = kStepColumns / kGroupColumns;
inline constexpr int kLineBytes32 = 32 * kGroupColumns;

struct BlockLayout {
  int steps;         // of a block
  int header_bytes;  // of a block
  int scale_bytes;   // of a step
  int step_bytes;

  size_t block_bytes() const { return size_t(header_bytes) + size_t(steps) * size_t(step_bytes); }
};

static inline BlockLayout block_layout(const BlockFormat& format) {
  const int kinds = format.offset_factor != 0 ? 2 : 1;
  const int steps = format.columns / kStepColumns;
  const int scale_bytes = steps > 1 ? 32 * kinds * (kStepColumns / format.run) : 0;
  return {steps, 64 * kinds, scale_bytes, scale_bytes + kLineBytes32 * format.bits};
}

static inline size_t block_panel_bytes(const PackedWeight& weight) {
  const BlockFormat& format = block_format(weight.source.blocks);
  return size_t(weight.columns / format.columns) * block_layout(format).block_bytes();
}

// Where the codes of an output's input lie in the planes of a step.
struct CodeBits {
  int byte;
  int shift;
};

// A plane of `bits` (1, 2, 4 or 8) for input `column` of output `lane`.
static inline CodeBits code_bits(int bits, int lane, int column) {
  const int group = column / kGroupColumns;
  const int lines = bits;  // of a plane
  const int within = lane * kGroupColumns + column % kGroupColumns;
  if (bits == 4) return {group % lines * kLineBytes32 + within, group / lines * 4};
  const int groups_per_line = kStepGroups / lines;
  return {group / groups_per_line * kLineBytes32 + within, bits == 8 ? 0 : group % groups_per_line * bits};
}

// The bits of the lower plane; the others are in a plane behind it.
static inline int lower_bits(int bits) { return bits == 8 ? 8 : bits >= 4 ? 4 : 2; }

// The code of an element.
static inline int read_code(const uint8_t* codes, int bits, int lane, int column) {
  const int lower = lower_bits(bits);
  const CodeBits low = code_bits(lower, lane, column);
  int code = codes[low.byte] >> low.shift & ((1 << lower) - 1);
  if (bits == 8) return code ^ 0x80;
  if (bits == lower) return code;
  const CodeBits high = code_bits(bits - lower, lane, column);
  code |= (codes[lower * kLineBytes32 + high.byte] >> high.shift & ((1 << (bits - lower)) - 1)) << lower;
  return code;
}

}  // namespace upbeat
