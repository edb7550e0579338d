// Blocks of 256 elements from code books: the magnitudes of four or eight elements are one entry of a book, and signs
// are apart. Codes are symmetric: the upper half of a type's levels are the magnitudes, ascending, the lower half the
// same negated.
#include "abi/quantized/codebooks.h"
#include "abi/quantized/read_blocks.h"

namespace upbeat {

namespace {

// Eight sign bits from seven: the last one makes their number even.
uint32_t even_signs(uint32_t seven) { return seven | uint32_t(__builtin_parity(seven)) << 7; }

// Writes `count` codes: digit i of the entry as a magnitude, negative where bit i of `signs` is set.
void write_signed(const Codebook& book, int entry, uint32_t signs, int count, uint8_t* codes) {
  const uint8_t* digits = book.digits(entry);
  for (int i = 0; i < count; i++) {
    codes[i] = uint8_t(signs >> i & 1 ? book.base - 1 - digits[i] : book.base + digits[i]);
  }
}

// Eight codes of -1, 0 or 1 with a shift of an eighth up or down.
void write_shifted(int entry, bool down, uint8_t* codes) {
  const uint8_t* digits = kIq1Book.digits(entry);
  for (int i = 0; i < 8; i++) codes[i] = uint8_t(2 * digits[i] + (down ? 0 : 1));
}

int odd(int value) { return 2 * value + 1; }

}  // namespace

// F16 scale; for each 32 elements four bytes of entries, then four times seven bits of signs and a scale of four bits.
void read_iq2_xxs(const uint8_t* block, BlockCodes& codes) {
  codes.scale = read_u16(block);
  const uint8_t* part = block + 2;
  for (int run = 0; run < 8; run++, part += 8) {
    const uint32_t signs = read_u32(part + 4);
    codes.scales[run] = int8_t(odd(int(signs >> 28)));
    for (int i = 0; i < 4; i++) {
      write_signed(kIq2XxsBook, part[i], even_signs(signs >> (7 * i) & 127), 8, codes.codes + run * 32 + i * 8);
    }
  }
}

// F16 scale; 32 times nine bits of an entry and seven of signs; eight bytes of scales, one nibble for 16 elements.
void read_iq2_xs(const uint8_t* block, BlockCodes& codes) {
  codes.scale = read_u16(block);
  for (int i = 0; i < 32; i++) {
    const int word = read_u16(block + 2 + 2 * i);
    write_signed(kIq2XsBook, word & 511, even_signs(uint32_t(word >> 9)), 8, codes.codes + i * 8);
  }
  for (int run = 0; run < 16; run++) {
    codes.scales[run] = int8_t(odd(block[66 + run / 2] >> (4 * (run % 2)) & 15));
  }
}

// F16 scale; 32 bytes of entries; 32 bytes of signs; eight bytes of the entries' upper two bits; eight bytes of scales.
void read_iq2_s(const uint8_t* block, BlockCodes& codes) {
  codes.scale = read_u16(block);
  for (int i = 0; i < 32; i++) {
    const int entry = block[2 + i] | (block[66 + i / 4] >> (2 * (i % 4)) & 3) << 8;
    write_signed(kIq2SBook, entry, block[34 + i], 8, codes.codes + i * 8);
  }
  for (int run = 0; run < 16; run++) {
    codes.scales[run] = int8_t(odd(block[74 + run / 2] >> (4 * (run % 2)) & 15));
  }
}

// F16 scale; 64 bytes of entries of four elements; for each 32 elements four times seven bits of signs and a scale of
// four bits.
void read_iq3_xxs(const uint8_t* block, BlockCodes& codes) {
  codes.scale = read_u16(block);
  for (int run = 0; run < 8; run++) {
    const uint32_t signs = read_u32(block + 66 + 4 * run);
    codes.scales[run] = int8_t(odd(int(signs >> 28)));
    for (int i = 0; i < 8; i++) {
      const uint32_t eight = even_signs(signs >> (7 * (i / 2)) & 127);
      write_signed(kIq3XxsBook, block[2 + run * 8 + i], eight >> (4 * (i % 2)), 4, codes.codes + run * 32 + i * 4);
    }
  }
}

// F16 scale; 64 bytes of entries of four elements; eight bytes of their ninth bits; 32 bytes of signs; four bytes of
// scales, one nibble for 32 elements.
void read_iq3_s(const uint8_t* block, BlockCodes& codes) {
  codes.scale = read_u16(block);
  for (int i = 0; i < 64; i++) {
    const int entry = block[2 + i] | (block[66 + i / 8] >> (i % 8) & 1) << 8;
    write_signed(kIq3SBook, entry, uint32_t(block[74 + i / 2] >> (4 * (i % 2))), 4, codes.codes + i * 4);
  }
  for (int run = 0; run < 8; run++) {
    codes.scales[run] = int8_t(odd(block[106 + run / 2] >> (4 * (run % 2)) & 15));
  }
}

// F16 scale; 32 bytes of entries of eight elements; eight times four groups of upper three bits, a scale of three bits
// and the direction of the shift.
void read_iq1_s(const uint8_t* block, BlockCodes& codes) {
  codes.scale = read_u16(block);
  for (int run = 0; run < 8; run++) {
    const int word = read_u16(block + 34 + 2 * run);
    codes.scales[run] = int8_t(odd(word >> 12 & 7));
    for (int i = 0; i < 4; i++) {
      const int entry = block[2 + run * 4 + i] | (word >> (3 * i) & 7) << 8;
      write_shifted(entry, (word & 0x8000) != 0, codes.codes + run * 32 + i * 8);
    }
  }
}

// 32 bytes of entries of eight elements; 16 bytes of two times three upper bits and the direction of the shift; four
// words of four scales of three bits, whose upper four bits together are the F16 scale.
void read_iq1_m(const uint8_t* block, BlockCodes& codes) {
  const uint8_t* words = block + 48;
  codes.scale = 0;
  for (int i = 0; i < 4; i++) codes.scale = uint16_t(codes.scale | (read_u16(words + 2 * i) >> 12) << (4 * i));
  for (int run = 0; run < 16; run++) {
    codes.scales[run] = int8_t(odd(read_u16(words + run / 4 * 2) >> (3 * (run % 4)) & 7));
  }
  for (int i = 0; i < 32; i++) {
    const int bits = block[32 + i / 2] >> (4 * (i % 2)) & 15;
    write_shifted(block[i] | (bits & 7) << 8, (bits & 8) != 0, codes.codes + i * 8);
  }
}

}  // namespace upbeat
