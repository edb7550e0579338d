// Blocks of 32 elements.
#include "abi/quantized/read_blocks.h"

namespace upbeat {

namespace {

// Adds bit `i` of the mask to code `i`, above the nibble.
void add_fifth_bits(uint32_t mask, uint8_t* codes) {
  for (int i = 0; i < 32; i++) codes[i] = uint8_t(codes[i] | (mask >> i & 1) << 4);
}

void set_scale(BlockCodes& codes, uint16_t scale) {
  codes.scale = scale;
  codes.scales[0] = 1;
}

void set_offset(BlockCodes& codes, uint16_t offset) {
  codes.offset = offset;
  codes.offsets[0] = 1;
}

}  // namespace

// F16 scale; 16 bytes of nibbles.
void read_q4_0(const uint8_t* block, BlockCodes& codes) {
  set_scale(codes, read_u16(block));
  read_halves(block + 2, 16, codes.codes);
}

// F16 scale; F16 offset; 16 bytes of nibbles.
void read_q4_1(const uint8_t* block, BlockCodes& codes) {
  set_scale(codes, read_u16(block));
  set_offset(codes, read_u16(block + 2));
  read_halves(block + 4, 16, codes.codes);
}

// F16 scale; 32 fifth bits; 16 bytes of nibbles.
void read_q5_0(const uint8_t* block, BlockCodes& codes) {
  set_scale(codes, read_u16(block));
  read_halves(block + 6, 16, codes.codes);
  add_fifth_bits(read_u32(block + 2), codes.codes);
}

// F16 scale; F16 offset; 32 fifth bits; 16 bytes of nibbles.
void read_q5_1(const uint8_t* block, BlockCodes& codes) {
  set_scale(codes, read_u16(block));
  set_offset(codes, read_u16(block + 2));
  read_halves(block + 8, 16, codes.codes);
  add_fifth_bits(read_u32(block + 4), codes.codes);
}

// F16 scale; 32 signed bytes.
void read_q8_0(const uint8_t* block, BlockCodes& codes) {
  set_scale(codes, read_u16(block));
  for (int i = 0; i < 32; i++) codes.codes[i] = block[2 + i] ^ 0x80;
}

// A power of two, as its exponent (OCP Microscaling Formats, E8M0); 16 bytes of nibbles. Levels are twice the values of
// E2M1, so the scale is half of what is stored: 2^(exponent - 128) as BF16, below 2^-126 a subnormal number.
void read_mxfp4(const uint8_t* block, BlockCodes& codes) {
  const int exponent = block[0];
  set_scale(codes, uint16_t(exponent >= 2 ? (exponent - 1) << 7 : 0x20 << exponent));
  read_halves(block + 1, 16, codes.codes);
}

}  // namespace upbeat
