// Blocks of 256 elements whose runs have integer scales.
#include "abi/quantized/read_blocks.h"

namespace upbeat {

namespace {

// Codes of `bits` bits, 32 bytes at a time: the lowest bits of the bytes are the first 32 elements, and so on upwards.
void read_fields(const uint8_t* bytes, int bits, uint8_t* codes) {
  const int mask = (1 << bits) - 1;
  for (int element = 0; element < 256; bytes += 32) {
    for (int shift = 0; shift < 8; shift += bits, element += 32) {
      for (int i = 0; i < 32; i++) codes[element + i] = uint8_t(bytes[i] >> shift & mask);
    }
  }
}

// Eight scales and eight offsets of six bits each in twelve bytes. Bytes 0 to 3 and 4 to 7 hold the first four scales
// and offsets, and in their upper two bits the upper bits of the last four, whose lower four bits are in bytes 8 to 11.
void read_six_bit_scales(const uint8_t* bytes, BlockCodes& codes) {
  for (int i = 0; i < 4; i++) {
    codes.scales[i] = int8_t(bytes[i] & 63);
    codes.offsets[i] = bytes[4 + i] & 63;
    codes.scales[4 + i] = int8_t((bytes[8 + i] & 15) | (bytes[i] >> 6) << 4);
    codes.offsets[4 + i] = uint8_t(bytes[8 + i] >> 4 | (bytes[4 + i] >> 6) << 4);
  }
}

void set_unit_scales(BlockCodes& codes, uint16_t scale) {
  codes.scale = scale;
  for (int8_t& value : codes.scales) value = 1;
}

}  // namespace

// 16 bytes of scale (low nibble) and offset (high nibble); 64 bytes of two-bit codes; F16 scale; F16 offset.
void read_q2_k(const uint8_t* block, BlockCodes& codes) {
  for (int i = 0; i < 16; i++) {
    codes.scales[i] = int8_t(block[i] & 15);
    codes.offsets[i] = block[i] >> 4;
  }
  read_fields(block + 16, 2, codes.codes);
  codes.scale = read_u16(block + 80);
  codes.offset = read_u16(block + 82);
}

// 32 bytes of third bits; 64 bytes of two-bit codes; 12 bytes of scales; F16 scale. A scale has six bits, less 32: four
// in a nibble of the first eight bytes (low nibbles first), two in the last four bytes.
void read_q3_k(const uint8_t* block, BlockCodes& codes) {
  read_fields(block + 32, 2, codes.codes);
  for (int i = 0; i < 256; i++) {
    codes.codes[i] = uint8_t(codes.codes[i] | (block[i % 32] >> (i / 32) & 1) << 2);
  }
  const uint8_t* scales = block + 96;
  for (int i = 0; i < 16; i++) {
    const int low = scales[i % 8] >> (i < 8 ? 0 : 4) & 15;
    const int high = scales[8 + i % 4] >> (2 * (i / 4)) & 3;
    codes.scales[i] = int8_t((low | high << 4) - 32);
  }
  codes.scale = read_u16(block + 108);
}

// F16 scale; F16 offset; 12 bytes of scales and offsets; 128 bytes of nibbles.
void read_q4_k(const uint8_t* block, BlockCodes& codes) {
  codes.scale = read_u16(block);
  codes.offset = read_u16(block + 2);
  read_six_bit_scales(block + 4, codes);
  read_fields(block + 16, 4, codes.codes);
}

// F16 scale; F16 offset; 12 bytes of scales and offsets; 32 bytes of fifth bits; 128 bytes of nibbles.
void read_q5_k(const uint8_t* block, BlockCodes& codes) {
  codes.scale = read_u16(block);
  codes.offset = read_u16(block + 2);
  read_six_bit_scales(block + 4, codes);
  read_fields(block + 48, 4, codes.codes);
  for (int i = 0; i < 256; i++) {
    codes.codes[i] = uint8_t(codes.codes[i] | (block[16 + i % 32] >> (i / 32) & 1) << 4);
  }
}

// 128 bytes of nibbles; 64 bytes of upper two bits; 16 signed scales; F16 scale. Each half of the block has 64 bytes of
// nibbles, whose low ones are its first 64 elements, and 32 bytes of upper bits.
void read_q6_k(const uint8_t* block, BlockCodes& codes) {
  uint8_t upper[256];
  read_fields(block + 128, 2, upper);
  for (int half = 0; half < 2; half++) read_halves(block + half * 64, 64, codes.codes + half * 128);
  for (int i = 0; i < 256; i++) codes.codes[i] = uint8_t(codes.codes[i] | upper[i] << 4);
  std::memcpy(codes.scales, block + 192, 16);
  codes.scale = read_u16(block + 208);
}

// F16 scale; eight times two upper bits of scales; four bytes of their lower nibbles; 128 bytes of nibbles, 16 bytes
// for 32 elements. A scale has six bits, less 32.
void read_iq4_xs(const uint8_t* block, BlockCodes& codes) {
  codes.scale = read_u16(block);
  const int high = read_u16(block + 2);
  for (int i = 0; i < 8; i++) {
    const int low = block[4 + i / 2] >> (4 * (i % 2)) & 15;
    codes.scales[i] = int8_t((low | (high >> (2 * i) & 3) << 4) - 32);
  }
  for (int run = 0; run < 8; run++) read_halves(block + 8 + run * 16, 16, codes.codes + run * 32);
}

// Base 3, five digits a byte as a fraction of 256: 32 bytes, then 16, digit by digit; then four digits of four bytes;
// F16 scale.
void read_tq1_0(const uint8_t* block, BlockCodes& codes) {
  int element = 0;
  const auto read_digits = [&](const uint8_t* bytes, int count, int digits) {
    for (int digit = 0, power = 1; digit < digits; digit++, power *= 3) {
      for (int i = 0; i < count; i++) codes.codes[element++] = uint8_t(uint8_t(bytes[i] * power) * 3 >> 8);
    }
  };
  read_digits(block, 32, 5);
  read_digits(block + 32, 16, 5);
  read_digits(block + 48, 4, 4);
  set_unit_scales(codes, read_u16(block + 52));
}

// 64 bytes of two-bit codes; F16 scale.
void read_tq2_0(const uint8_t* block, BlockCodes& codes) {
  read_fields(block, 2, codes.codes);
  set_unit_scales(codes, read_u16(block + 64));
}

}  // namespace upbeat
