// Fills rows of a weight of quantized blocks (block_layout.h), and reads them back. Compiled for the baseline machine:
// the work is bits and bytes.
#include "cpu/kernels/quantized/pack_blocks.h"

#include <cstring>

#include "cpu/kernels/quantized/block_layout.h"

namespace upbeat {

namespace {

// Writes the codes of a step of one output, four inputs at a time.
void write_codes(const uint8_t* codes, int bits, int lane, uint8_t* planes) {
  uint32_t groups[kStepGroups];
  std::memcpy(groups, codes, sizeof groups);
  const auto write = [&](int line, uint32_t word) {
    std::memcpy(planes + line * kLineBytes32 + lane * kGroupColumns, &word, sizeof word);
  };
  // Fields of `width` bits above `shift` of `count` groups, in one word.
  const auto join = [&](const uint32_t* from, int count, int shift, int width) {
    uint32_t word = 0;
    for (int i = 0; i < count; i++) word |= (from[i] >> shift & 0x01010101u * ((1u << width) - 1)) << (i * width);
    return word;
  };
  if (bits == 8) {
    for (int group = 0; group < kStepGroups; group++) write(group, groups[group] ^ 0x80808080u);
    return;
  }
  const int lower = lower_bits(bits);
  if (lower == 4) {
    for (int group = 0; group < 4; group++) {
      write(group, (groups[group] & 0x0f0f0f0fu) | (groups[group + 4] & 0x0f0f0f0fu) << 4);
    }
  } else {
    for (int line = 0; line < 2; line++) write(line, join(groups + 4 * line, 4, 0, 2));
  }
  if (bits - lower == 1) write(lower, join(groups, 8, lower, 1));
  if (bits - lower == 2) {
    for (int line = 0; line < 2; line++) write(lower + line, join(groups + 4 * line, 4, lower, 2));
  }
}

}  // namespace

void pack_block_row(const PackedWeight& weight, int32_t row, const uint8_t* source) {
  const BlockFormat& format = block_format(weight.source.blocks);
  const BlockLayout layout = block_layout(format);
  const int lane = row % 32;
  auto* block = static_cast<uint8_t*>(weight.data) + size_t(row / 32) * block_panel_bytes(weight);
  const int runs = kStepColumns / format.run;
  BlockCodes codes;
  for (int column = 0; column < weight.columns; column += format.columns, source += format.bytes) {
    format.read(source, codes);
    std::memcpy(block + lane * 2, &codes.scale, 2);
    if (format.offset_factor != 0) std::memcpy(block + 64 + lane * 2, &codes.offset, 2);
    uint8_t* step = block + layout.header_bytes;
    for (int i = 0; i < layout.steps; i++, step += layout.step_bytes) {
      for (int run = 0; run < runs && layout.scale_bytes > 0; run++) {
        step[run * 32 + lane] = uint8_t(codes.scales[i * runs + run]);
        if (format.offset_factor != 0) step[(runs + run) * 32 + lane] = codes.offsets[i * runs + run];
      }
      write_codes(codes.codes + i * kStepColumns, format.bits, lane, step + layout.scale_bytes);
    }
    block += layout.block_bytes();
  }
}

void unpack_block_row(const PackedWeight& weight, int32_t row, float* values) {
  const BlockFormat& format = block_format(weight.source.blocks);
  const BlockLayout layout = block_layout(format);
  const int lane = row % 32;
  const auto* block = static_cast<const uint8_t*>(weight.data) + size_t(row / 32) * block_panel_bytes(weight);
  const int runs = kStepColumns / format.run;
  BlockCodes codes;
  for (int column = 0; column < weight.columns; column += format.columns) {
    std::memcpy(&codes.scale, block + lane * 2, 2);
    if (format.offset_factor != 0) std::memcpy(&codes.offset, block + 64 + lane * 2, 2);
    const float scale = block_scale(format, codes);
    const float offset = block_offset(format, codes);
    const uint8_t* step = block + layout.header_bytes;
    for (int i = 0; i < layout.steps; i++, step += layout.step_bytes) {
      for (int k = 0; k < kStepColumns; k++) {
        const int run = k / format.run;
        const bool scaled = layout.scale_bytes > 0;
        const float run_scale = scaled ? scale * float(int8_t(step[run * 32 + lane])) : scale;
        const int code = read_code(step + layout.scale_bytes, format.bits, lane, k);
        float value = run_scale * float(format.level(uint8_t(code)));
        if (format.offset_factor != 0) value += scaled ? offset * float(step[(runs + run) * 32 + lane]) : offset;
        values[column + i * kStepColumns + k] = value;
      }
    }
    block += layout.block_bytes();
  }
}

}  // namespace upbeat
